package manager

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/manager/shadow"
)

// Judged is what is true of one container, and what it did when it was looked at.
type Judged struct {
	patch.Judgement
	State record.State
	// Behind says that a package of the host is another than when the container was mounted, whatever it affects. sysctr's own is none of those.
	Behind bool
}

// Inspection is what is true of containers after changes of the host.
type Inspection struct {
	Newest     int                        // the generation of the host as it is now
	Mixed      string                     // why the package database is not at rest, "" if it is
	Containers []Judged                   // in the order in which they were asked for
	Packages   []generation.PackageChange // that differ between what containers mounted and now
	Reboot     string                     // why the host itself has to be rebooted, "" if it has not
}

// inspector looks at containers with one state of the host.
type inspector struct {
	*Manager
	store *generation.Store
	now   *generation.Snapshot
	diffs map[int]generation.Diff // from a generation to now
	olds  map[int]*generation.Snapshot
	lost  map[int]error          // generations that cannot be read
	since map[int]shadow.Changes // what changed since a delta was born on a generation
	views map[string]sight       // what containers of the same rules can see
}

// Inspect looks at containers and says what is true of each. It changes nothing but the archive of generations; nothing of a container is run.
func (m *Manager) Inspect(ctx context.Context, containers []Container) (Inspection, error) {
	i, err := m.inspector(ctx)
	if err != nil {
		return Inspection{}, err
	}
	found := Inspection{Newest: i.now.Number, Mixed: i.now.Reason, Reboot: patch.Reboot(runningKernel(), i.now.Packages())}
	found.Containers, err = i.judge(ctx, containers)
	found.Packages = i.packages()
	return found, err
}

// InspectAgain looks once more at those containers of an inspection that could not be looked at: what hindered it may have passed. They are as
// they are by then; if the host has changed meanwhile, all stays as it was.
func (m *Manager) InspectAgain(ctx context.Context, found Inspection) (Inspection, error) {
	at := map[string]int{}
	for i, j := range found.Containers {
		if j.Verdict == patch.Unknown && j.State != record.Broken {
			at[j.Name] = i
		}
	}
	if len(at) == 0 {
		return found, nil
	}
	w, err := m.Observe()
	if err != nil {
		return found, err
	}
	w.Containers = slices.DeleteFunc(w.Containers, func(c Container) bool { _, again := at[c.Name]; return !again })
	again, err := m.Inspect(ctx, w.Containers)
	if err != nil || again.Newest != found.Newest {
		return found, err
	}
	found.Containers = slices.Clone(found.Containers)
	for _, j := range again.Containers {
		found.Containers[at[j.Name]] = j
	}
	return found, nil
}

// Judge returns the world with a verdict on every container. What has one already costs nothing; the rest costs what Inspect does.
func (m *Manager) Judge(ctx context.Context, w World) (World, error) {
	if !slices.ContainsFunc(w.Containers, func(c Container) bool { return c.Verdict == "" }) {
		return w, nil
	}
	look, err := m.Inspect(ctx, w.Containers)
	if err != nil {
		return World{}, err
	}
	judged := World{Containers: slices.Clone(w.Containers)}
	for i, j := range look.Containers { // in the same order
		judged.Containers[i].Verdict = j.Verdict
	}
	return judged, nil
}

func (m *Manager) inspector(ctx context.Context) (*inspector, error) {
	store, source, err := openGenerations(m.Dirs)
	if err != nil {
		return nil, err
	}
	now, err := store.Take(ctx, source)
	if err != nil {
		return nil, fmt.Errorf("look at the host: %w", err)
	}
	_ = store.Prune(ctx, m.generationsInUse()) // what is kept for too long does no harm, and the next look tries again
	return &inspector{
		Manager: m, store: store, now: now, diffs: map[int]generation.Diff{}, olds: map[int]*generation.Snapshot{}, lost: map[int]error{},
		since: map[int]shadow.Changes{}, views: map[string]sight{},
	}, nil
}

func (i *inspector) judge(ctx context.Context, containers []Container) ([]Judged, error) {
	facts := make([]patch.Facts, len(containers))
	for n, c := range containers {
		facts[n] = i.begin(ctx, c)
	}
	i.examine(ctx, containers, facts)
	if err := i.shadows(ctx, containers, facts); err != nil {
		return nil, err
	}
	all := make([]Judged, len(containers))
	for n, c := range containers {
		all[n] = Judged{Judgement: patch.Judge(facts[n], i.now.Number), State: c.Status.State}
		all[n].Behind = slices.ContainsFunc(i.diffs[facts[n].Generation].Packages, func(c generation.PackageChange) bool { return c.Name != "sysctr" })
	}
	return all, ctx.Err()
}

// begin says of a container what its record and live state tell.
func (i *inspector) begin(ctx context.Context, c Container) patch.Facts {
	f := patch.Facts{Name: c.Name, Mounted: c.Status.State != record.Stopped, Mixed: c.Live.Generation == record.Mixed}
	switch {
	case c.Err != nil:
		f.Unusable = "its record cannot be used"
	case c.Status.State == record.Broken:
		f.Unusable = "it is broken: " + c.Status.Reason
	case c.Status.State == record.Creating || c.Status.State == record.Starting || c.Status.State == record.Stopping:
		f.Unusable = "it is " + string(c.Status.State)
	}
	if f.Unusable != "" || !f.Mounted {
		return f
	}
	f.Generation, _ = strconv.Atoi(c.Live.Generation)
	f.Diff = i.diff(ctx, f.Generation)
	if old := i.olds[f.Generation]; old == nil || old.Taken.After(c.Live.Started) || !shows(old, c.Live.Spec.Share) {
		f.Generation = 0 // it is lost, another one of that number, or does not have all that the container sees: that is said of the container
	}
	return f
}

// diff is what changed from a generation to now; nothing if it is not known, see i.lost.
func (i *inspector) diff(ctx context.Context, number int) generation.Diff {
	if diff, ok := i.diffs[number]; ok || number == 0 {
		return diff
	}
	old, err := i.store.Load(ctx, number)
	if err != nil {
		i.lost[number] = err
	} else {
		i.diffs[number], i.olds[number] = generation.Compare(old, i.now), old
	}
	return i.diffs[number]
}

// shows reports whether a snapshot has all that a container sees of the host.
func shows(s *generation.Snapshot, shares []string) bool {
	return !slices.ContainsFunc(shares, func(path string) bool { return !slices.Contains(s.Shows, path) })
}

// examine looks at the processes and paths of what is mounted: together at all containers that had the same host and can see the same of it.
func (i *inspector) examine(ctx context.Context, containers []Container, facts []patch.Facts) {
	type kind struct {
		generation int
		rules      string
	}
	groups := map[kind][]int{}
	for n, f := range facts {
		if f.Mounted && f.Unusable == "" {
			k := kind{f.Generation, lxc.Rules(containers[n].Live.Spec).Key()}
			groups[k] = append(groups[k], n)
		}
	}
	for k, members := range groups {
		seen, err := i.sight(lxc.Rules(containers[members[0]].Live.Spec))
		subjects := make([]evidence.Subject, len(members))
		for at, n := range members {
			subjects[at] = subjectOf(containers[n])
			if err != nil {
				facts[n].Blind = "what it can see of the host is not known: " + err.Error()
			}
		}
		reports := evidence.Look(ctx, i.Looker, subjects, seen.changed(i.diffs[k.generation]), evidence.Options{})
		for _, n := range members {
			report := reports[containers[n].Name]
			report.Findings, err = i.disown(containers[n].Name, report.Findings, i.diffs[k.generation])
			if err != nil {
				facts[n].Blind = "its delta cannot be looked at: " + err.Error()
			}
			facts[n].Evidence = report
		}
	}
}

// shadows looks for what hides the host's files in the deltas and seeds, of several containers at a time.
func (i *inspector) shadows(ctx context.Context, containers []Container, facts []patch.Facts) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for n, c := range containers {
		if facts[n].Unusable != "" {
			continue
		}
		since, err := i.born(ctx, c.Record.Born)
		if err != nil {
			facts[n].Blind = "what changed since it was made is not known: " + err.Error()
			continue
		}
		look := Look{Since: since, Vendors: Archive{Store: i.store, Now: i.now}}
		group.Go(func() error {
			found, err := i.Shadows(within, c.Name, look)
			if err != nil {
				facts[n].Blind = "its delta cannot be looked at: " + err.Error()
			}
			facts[n].Shadows = found
			return within.Err()
		})
	}
	return group.Wait()
}

// born is what changed on the host since the delta of a container was made.
func (i *inspector) born(ctx context.Context, number int) (shadow.Changes, error) {
	if since, ok := i.since[number]; ok {
		return since, nil
	}
	load := func(ctx context.Context, n int) (*generation.Snapshot, error) {
		if old := i.olds[n]; old != nil { // a tenth of a second each
			return old, nil
		}
		return i.store.Load(ctx, n)
	}
	since, err := ChangesSince(ctx, load, number, i.now)
	if err == nil {
		i.since[number] = since
	}
	return since, err
}
