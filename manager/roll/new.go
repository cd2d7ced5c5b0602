package roll

import (
	"slices"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

// New returns the roll of a plan, begun now. The error is that of Plan.Check.
func New(id string, p Plan, now time.Time) (Roll, error) {
	if err := p.Check(); err != nil {
		return Roll{}, err
	}
	r := Roll{
		Format: Format, ID: id, State: Running, Generation: p.Generation, Manual: p.Manual, Force: p.Force, Policy: p.Policy,
		Packages: slices.Clone(p.Packages), Started: now.UTC(),
	}
	for _, planned := range p.Members {
		r.Members = append(r.Members, newMember(planned, p, now))
	}
	sorted(r.Members)
	return r, nil
}

// newMember returns the member that a plan makes of a container.
func newMember(planned Planned, p Plan, now time.Time) Member {
	m := Member{Planned: planned, State: Pending}
	m.Reasons = slices.Clone(planned.Reasons)
	for i := range m.Reasons {
		m.Reasons[i] = text(m.Reasons[i])
	}
	if m.Before != nil {
		before := m.Before.clean()
		m.Before = &before
	}
	if why := left(planned, p); why != "" {
		m.State, m.Reason, m.Ended = Skipped, text(why), now.UTC()
	}
	return m
}

// left says why a container of a plan is not restarted, or "".
func left(m Planned, p Plan) string {
	forced := p.Manual && p.Force
	switch {
	case m.Leave != "":
		return m.Leave
	case m.Resting:
		return "stopped or frozen by hand; its next start mounts what is new then"
	case m.Patch.Mode == profiles.Off && !forced:
		return "patch.mode is off"
	case m.Patch.Mode != profiles.Auto && !p.Manual:
		return "patch.mode is " + string(m.Patch.Mode) + "; restart it with 'sysctr patch roll " + m.Name + "'"
	case m.Action == Restart, m.Action == Wait && p.Force:
		return ""
	case m.Action == Wait:
		return "it must wait for a human; restart it with 'sysctr patch roll --force " + m.Name + "'"
	case m.Action == Heal:
		return "a restart would not help: its delta hides what was patched; see 'sysctr delta shadows " + m.Name + "'"
	default:
		return "nothing to do"
	}
}

// Merge returns the roll with a newer plan taken in: who is on its generation already stays as they are, who came is added, everybody else
// is as the new plan says; what a human has asked for stays asked for. Health before the first restart is kept, so that what an earlier patch
// broke is not taken for the usual. Nothing may be under way. The error is that of Plan.Check; the roll is unchanged then.
func Merge(r Roll, p Plan, now time.Time) (Roll, error) {
	byItself := !p.Manual
	p.Manual, p.Force = p.Manual || r.Manual, p.Force || r.Force
	fresh, err := New(r.ID, p, now)
	if err != nil {
		return r, err
	}
	fresh.State, fresh.Reason, fresh.Started = r.State, r.Reason, r.Started
	fresh.Proven = r.Proven && fresh.Generation <= r.Generation
	fresh.Generation = max(fresh.Generation, r.Generation)
	fresh.Packages = mergeChanges(r.Packages, fresh.Packages)
	old := make(map[string]Member, len(r.Members))
	for _, m := range r.Members {
		old[m.Name] = m
	}
	for i, m := range fresh.Members {
		if was, ok := old[m.Name]; ok {
			fresh.Members[i] = was.renewed(m, fresh, byItself && r.Manual)
		}
	}
	return fresh, nil
}

// renewed returns a member of an earlier plan as the new one, fresh, has it. asked says that a human made the earlier one, and none the new one.
func (m Member) renewed(fresh Member, r Roll, asked bool) Member {
	onNewest := m.Result.Boot != "" && m.Result.Generation >= r.Generation
	if (m.State == Done || m.State == Failed || m.State == Checking) && onNewest || m.State == Failed && fresh.State != Pending {
		return m
	}
	waits := m.State == Pending || m.State == Held
	if waits && (fresh.Leave == NotAsked || asked && fresh.State == Skipped && fresh.Action == None && !fresh.Resting) {
		return m
	}
	if m.Before != nil {
		fresh.Before = m.Before
	}
	return fresh
}

// mergeChanges lays newer changes over older ones: a package that was changed twice has the first old version and the last new one.
func mergeChanges(older, newer []Change) []Change {
	type key struct{ name, arch string }
	all := slices.Clone(older)
	at := map[key]int{}
	for i, c := range all {
		at[key{c.Package, c.Arch}] = i
	}
	for _, c := range newer {
		if i, ok := at[key{c.Package, c.Arch}]; ok {
			all[i].New = c.New
			continue
		}
		all = append(all, c)
	}
	return slices.DeleteFunc(all, func(c Change) bool { return c.Old == c.New })
}
