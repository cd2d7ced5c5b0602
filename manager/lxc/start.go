package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/overlay/mount"
	"github.com/sysctr/sysctr/profiles"
)

// Started is a container that has been started and verified, and may not have booted yet.
type Started struct {
	Live record.Live

	store  record.LiveStore
	name   string
	notify *notify  // nil: ready as soon as it runs
	userns *os.File // nil: liblxc makes one, or none
}

// Start mounts the container's layers, starts it through liblxc and verifies the promises before anybody hears of it; where one does not
// hold, the container is killed and the error wraps ErrPromise. The caller holds the container's World lock. What the last start left is
// swept first. After an error nothing runs and nothing is mounted.
func (s *Starter) Start(ctx context.Context, name string) (*Started, error) {
	rec, err := s.store.Load(name)
	if err != nil {
		return nil, err
	}
	groups, err := s.groups(rec.Name)
	if err != nil {
		return nil, err
	}
	live, err := s.begin(ctx, rec, groups)
	if err != nil {
		return nil, err
	}
	started, err := s.start(ctx, rec, live, groups)
	if err != nil {
		return nil, errors.Join(err, s.giveUp(rec.Name, live, err))
	}
	return started, nil
}

// begin sweeps what the last start left and writes down that a start is under way.
func (s *Starter) begin(ctx context.Context, rec record.Record, g groups) (record.Live, error) {
	if err := s.Sweep(ctx, rec.Name); err != nil {
		return record.Live{}, fmt.Errorf("sweep what the last start left: %w", err)
	}
	self, err := alive.Self()
	if err != nil {
		return record.Live{}, err
	}
	live := record.Live{
		Phase: record.PhaseStarting, Starter: self, Started: time.Now().UTC(), Unit: s.unit, Spec: rec.Spec,
		Cgroup: g.container, MonitorCgroup: g.monitor, PivotCgroup: g.pivot, Tries: s.tries,
	}
	if err := mend(ctx, s.Dirs.Delta(rec.Name)); err != nil {
		return record.Live{}, err
	}
	// The groups may be left from a start of which no liveness file tells (another boot of a test host, a lost file).
	if err := sweepGroups(ctx, s.Layout, live); err != nil {
		return record.Live{}, err
	}
	return live, s.Live.Save(rec.Name, live)
}

func (s *Starter) start(ctx context.Context, rec record.Record, live record.Live, g groups) (*Started, error) {
	started := &Started{store: s.Live, name: rec.Name}
	argv, err := program(rec.Name, rec.Spec)
	if err != nil {
		return nil, err
	}
	root, err := s.prepare(ctx, rec, &live, started, g)
	defer started.userns.Close() //nolint:errcheck // of a namespace, or of none; it is read only
	if err != nil {
		return nil, errors.Join(err, started.abandon())
	}
	processes, err := s.launch(rec.Name, argv)
	if err == nil {
		err = executed(processes.initPID)
	}
	if err == nil {
		err = s.check(processes.initPID, promised{
			Range: rec.Range, Device: root.Device, Dropped: Dropped(rec.Spec), Isolation: rec.Spec.Isolation,
		})
	}
	if err == nil {
		live.Init, live.Monitor, err = look(processes)
	}
	if len(rec.Spec.Command) > 0 {
		if err == nil {
			err = ran(processes.initPID)
		}
		if endedAtOnce(err) {
			err = s.outcome(ctx, rec, root.At, err)
		}
	}
	if err = errors.Join(err, root.Close(), os.Remove(s.Dirs.Root(rec.Name))); err != nil {
		return nil, errors.Join(err, started.abandon())
	}
	live.Phase = record.PhaseRunning
	live.Ready = started.notify == nil
	started.Live = live
	return started, s.Live.Save(rec.Name, live)
}

// prepare makes everything that liblxc is then pointed to: layers, configuration, notify socket, mounts.
func (s *Starter) prepare(ctx context.Context, rec record.Record, live *record.Live, started *Started, g groups) (*mount.Root, error) {
	userns, err := s.namespace(rec)
	if err != nil {
		return nil, err
	}
	if rec.Spec.Isolation == profiles.Private {
		started.userns = userns
	}
	if err := s.probeOnce(userns); err != nil {
		return nil, err
	}
	network, err := s.network(ctx, rec)
	if err != nil {
		return nil, err
	}
	before := s.packages(ctx)
	live.Started = time.Now().UTC() // a generation that is taken later is not this start's
	stacks, maskName, err := s.layers(rec, network)
	if err != nil {
		return nil, err
	}
	live.Mask = maskName
	if err := s.configure(rec, g, network, started.userns); err != nil {
		return nil, err
	}
	if started.notify, err = s.listen(rec); err != nil {
		return nil, err
	}
	root, err := s.mount(rec, stacks, userns)
	if live.Generation = before; err == nil && s.packages(ctx) != before {
		live.Generation = record.Mixed // some of the mounts may have seen what was before
	}
	return root, err
}

func (s *Starter) namespace(rec record.Record) (*os.File, error) {
	switch rec.Spec.Isolation {
	case profiles.Privileged:
		return nil, nil
	case profiles.Shared:
		return s.namespaces.get(rec.Range)
	default:
		return UserNS(rec.Range)
	}
}

func (s *Starter) probeOnce(userns *os.File) error {
	s.probe.Do(func() { s.idmapped, s.probeErr = s.session.Probe(userns) })
	return s.probeErr
}

// layers returns the stacks of the container and the mask generation that they use. Mask and common come from the cache, the seed is
// written anew.
func (s *Starter) layers(rec record.Record, n Network) ([]overlay.Stack, string, error) {
	shift := mask.Shift{}
	if !s.idmapped {
		shift.Base = rec.Range.Start
	}
	var points []string
	for _, fs := range s.base[1:] {
		points = append(points, fs.Point)
	}
	set, err := s.masks.Get(Rules(rec.Spec), shift, points)
	if err != nil {
		return nil, "", fmt.Errorf("make the mask: %w", err)
	}
	if err := s.seed(rec, n, shift); err != nil {
		return nil, "", err
	}
	visible := s.base[:1:1]
	for _, fs := range s.base[1:] {
		if slices.Contains(set.Shown, fs.Point) {
			visible = append(visible, fs)
		}
	}
	stacks := overlay.Plan(visible, overlay.Dirs{
		Delta: s.Dirs.Delta(rec.Name), Seed: s.Dirs.Seed(rec.Name), Common: set.Common, Mask: set.Mask,
	})
	for _, stack := range stacks {
		if err := s.makeDelta(stack, rec.Range.Start, s.Dirs.Delta(rec.Name)); err != nil {
			return nil, "", err
		}
	}
	generation, err := filepath.Rel(s.Dirs.Masks(), filepath.Dir(set.Mask))
	return stacks, generation, err
}

func (s *Starter) seed(rec record.Record, n Network, shift mask.Shift) error {
	dir := s.Dirs.Seed(rec.Name)
	if err := os.RemoveAll(dir); err != nil { // a tmpfs directory of ours: three small files, never a mount point
		return fmt.Errorf("renew the seed: %w", err)
	}
	if err := mask.Write(dir, mask.Seed(n.identity(rec)), shift); err != nil {
		return fmt.Errorf("write the seed: %w", err)
	}
	return nil
}

// Rules are what a spec asks of the mask.
func Rules(spec profiles.Spec) mask.Rules {
	return mask.Rules{Hide: spec.Hide, Share: spec.Share, Units: spec.Units, System: len(spec.Init) > 0, Arguments: len(spec.Init) > 1}
}

// listen makes the notify socket of a container whose init is systemd; others are ready when they run.
func (s *Starter) listen(rec record.Record) (*notify, error) {
	dir := s.Dirs.Notify(rec.Name)
	if err := os.MkdirAll(dir, 0o711); err != nil { // bound into the container
		return nil, fmt.Errorf("make the notify directory: %w", err)
	}
	if len(rec.Spec.Init) == 0 || !isSystemd(rec.Spec.Init[0]) {
		return nil, nil
	}
	return listen(dir)
}

// isSystemd follows the host's /sbin/init and its like: the containers' init is the host's.
func isSystemd(program string) bool {
	target, err := filepath.EvalSymlinks(program)
	return err == nil && strings.HasSuffix(target, "/systemd")
}

func (s *Starter) mount(rec record.Record, stacks []overlay.Stack, userns *os.File) (*mount.Root, error) {
	at := s.Dirs.Root(rec.Name)
	if err := os.Mkdir(at, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	request := mount.Request{Stacks: stacks, UserNS: userns, At: at}
	root, err := s.session.Mount(request)
	if unwritable(err) {
		root, err = s.mountFull(request, s.Dirs.Delta(rec.Name))
	}
	if err != nil {
		return nil, err
	}
	if err := s.seal(root, stacks); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	root.Release()
	return root, nil
}

// seal proves with the canary that the mounted layers keep sealed what is sealed on the host. It looks at the inner overlay, which no
// container can have changed: one that removed the canary's directory in its own delta must not keep itself from starting.
func (s *Starter) seal(root *mount.Root, stacks []overlay.Stack) error {
	for i := len(stacks) - 1; i >= 0; i-- { // parents come first, so the first that has the canary is the one that shows it
		canary, ok := s.canary.In(stacks[i].Point)
		if !ok {
			continue
		}
		if err := canary.Check(root.Inner(stacks[i].Point)); err != nil {
			return fmt.Errorf("%w: %w", ErrPromise, err)
		}
		return nil
	}
	return fmt.Errorf("%w: no layer shows the canary", ErrPromise)
}

func look(p launched) (initProcess, monitor alive.Process, err error) {
	if initProcess, err = alive.Look(p.initPID); err != nil {
		return initProcess, monitor, fmt.Errorf("the container ended at once: %w", err)
	}
	if monitor, err = alive.Look(p.monitorPID); err != nil {
		return initProcess, monitor, fmt.Errorf("the container's monitor ended at once: %w", err)
	}
	return initProcess, monitor, nil
}
