package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// PlanCreate makes what is missing. Existing containers of the same spec are fine; ones of another spec are refused, all before anything
// is made, unless only the missing ones are wanted.
func PlanCreate(w World, names []string, spec profiles.Spec, missing bool) Plan {
	p := Plan{Verb: Create, missing: missing}
	for _, n := range names {
		c, exists := w.Find(n)
		step := Step{Name: n, Action: Create, Rank: spec.Priority}
		switch {
		case !exists:
		case missing:
			step.Action, step.Why = None, "exists"
		case c.Err != nil:
			step.Err = fmt.Errorf("it exists, and its record cannot be used: %w", c.Err)
		case c.Record.Spec.Equal(spec):
			step.Action, step.Why = None, "exists with this spec"
		default:
			step.Err = fmt.Errorf("%w (%s)", ErrExists, firstChange(c.Record.Spec, spec))
		}
		p.Steps = append(p.Steps, step)
	}
	p.refuseAll()
	p.order()
	return p
}

func firstChange(have, want profiles.Spec) string {
	changes := profiles.Diff(have, want)
	if len(changes) == 0 {
		return "no difference"
	}
	more := ""
	if len(changes) > 1 {
		more = fmt.Sprintf(" and %d more", len(changes)-1)
	}
	return fmt.Sprintf("%s is %q and not %q%s", changes[0].Field, changes[0].From, changes[0].To, more)
}

// Refused reports whether a plan of creations is refused as a whole: nothing is made when one name cannot be.
func (p Plan) Refused() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Err != nil })
}

// refuseAll turns every step of a plan with a refusal into none.
func (p Plan) refuseAll() {
	if !p.Refused() {
		return
	}
	for i := range p.Steps {
		if p.Steps[i].Err == nil {
			p.Steps[i].Action, p.Steps[i].Why = None, "another one is refused"
		}
	}
}

// Create carries out a plan of creations with one spec. All records are on disk before the first name appears; interrupted, either a
// container is there as a whole or nothing of it.
func (m *Manager) Create(ctx context.Context, p Plan, spec profiles.Spec, how Apply) []Outcome {
	made := m.make(ctx, p, spec)
	noNet := m.wire(ctx, len(spec.Network) > 0)
	outcomes := make([]Outcome, len(p.Steps))
	for i, step := range p.Steps {
		outcomes[i] = Outcome{Step: step}
		if step.Action == Create && step.Err == nil {
			outcomes[i].Err = made[step.Name]
			outcomes[i].Changed = outcomes[i].Err == nil
		}
		if outcomes[i].Err == nil && noNet != nil {
			outcomes[i].Err = noNet
		}
	}
	m.adopt(ctx, outcomes)
	for i, step := range p.Steps {
		outcomes[i].Status = m.observeOne(step.Name).Status
		if how.Report != nil {
			how.Report(outcomes[i])
		}
	}
	return outcomes
}

// make creates the containers of the plan and returns the error of each that failed. Steps that turn out to be done are changed to that.
func (m *Manager) make(ctx context.Context, p Plan, spec profiles.Spec) map[string]error {
	failed := map[string]error{}
	var mine []string
	for i, step := range p.Steps {
		if step.Action != Create || step.Err != nil {
			continue
		}
		if err := m.locks.Try(step.Name, record.Verb); err != nil {
			failed[step.Name] = busy(err)
			continue
		}
		defer m.locks.Release(step.Name, record.Verb)                        //nolint:errcheck // see lane
		if c := m.observeOne(step.Name); !errors.Is(c.Err, os.ErrNotExist) { // another command made it since the world was observed
			p.Steps[i] = PlanCreate(World{[]Container{c}}, []string{step.Name}, spec, p.missing).Steps[0]
			continue
		}
		mine = append(mine, step.Name)
	}
	if len(mine) == 0 {
		return failed
	}
	err := m.createLocked(ctx, mine, spec, failed)
	if err != nil {
		for _, n := range mine {
			failed[n] = err
		}
	}
	return failed
}

// createLocked allocates ranges and writes the records, alone among all commands: two allocations at a time would give one range to two
// containers.
func (m *Manager) createLocked(ctx context.Context, names []string, spec profiles.Spec, failed map[string]error) error {
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := m.locks.Acquire(waiting, record.Global, record.Verb); err != nil {
		return busy(err)
	}
	defer m.locks.Release(record.Global, record.Verb) //nolint:errcheck // see lane
	if err := m.sweepLeftovers(names); err != nil {
		return err
	}
	ranges, err := m.allocate(spec.Isolation, len(names))
	if err != nil {
		return err
	}
	batch := make([]record.Record, len(names))
	born := bornOn(ctx, m.Dirs)
	for i, n := range names {
		batch[i] = record.New(n, spec, ranges[i], time.Now())
		batch[i].Born = born
	}
	if err := m.wires().admit(batch); err != nil {
		return err
	}
	for i, err := range m.store.CreateMany(batch, makeDelta) {
		failed[names[i]] = err
	}
	if len(spec.Share) > 0 {
		retake(ctx, m.Dirs)
	}
	return nil
}

// adopt tells the service manager of the containers of a plan of creations, also of those that were there: an interrupted command may have
// made them and not come to this.
func (m *Manager) adopt(ctx context.Context, outcomes []Outcome) {
	if m.Units == nil {
		return
	}
	var records []record.Record
	for _, o := range outcomes {
		if rec, err := m.store.Load(o.Name); err == nil && o.Err == nil {
			records = append(records, rec)
		}
	}
	if err := m.Units.Adopt(ctx, records); err != nil {
		for i := range outcomes {
			if outcomes[i].Err == nil {
				outcomes[i].Err = fmt.Errorf("it is made, but its unit is not: %w", err)
			}
		}
	}
}

// Sweep removes what interrupted creations and destructions left, as long as no command works on it.
func (m *Manager) Sweep() error { return m.sweepLeftovers(nil) }

// sweepLeftovers removes what crashed commands left of creations and destructions. It takes the lock of each name it sweeps, except of those
// whose locks the caller has.
func (m *Manager) sweepLeftovers(mine []string) error {
	var taken []string
	defer func() {
		for _, n := range taken {
			_ = m.locks.Release(n, record.Verb) // see lane
		}
	}()
	return m.store.Sweep(func(container string) bool {
		if slices.Contains(mine, container) {
			return true
		}
		if m.locks.Try(container, record.Verb) != nil {
			return slices.Contains(taken, container)
		}
		taken = append(taken, container)
		return true
	})
}

func (m *Manager) allocate(isolation profiles.Isolation, n int) ([]idrange.Range, error) {
	ranges := make([]idrange.Range, n)
	switch isolation {
	case profiles.Privileged:
		return ranges, nil
	case profiles.Shared:
		for i := range ranges {
			ranges[i] = m.Pool.Shared()
		}
		return ranges, nil
	default:
		used, err := m.store.Used()
		if err != nil {
			return nil, fmt.Errorf("see which id ranges are taken: %w", err)
		}
		return m.Pool.Allocate(used, n)
	}
}

// makeDelta makes the container's own layer with its reserve; the rest is made by the first start, which knows the host's filesystems.
func makeDelta(_ record.Record, dir string) (err error) {
	dir = filepath.Join(dir, "delta")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	d, err := delta.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Reserve(lxc.Reserve())
}

// Destroy carries out a plan of destructions: the container is killed, taken out of the list (from then on it is gone, whatever happens),
// and its files are removed.
func (m *Manager) Destroy(ctx context.Context, p Plan, how Apply) []Outcome {
	outcomes := m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		return true, m.destroyOne(ctx, step.Name)
	})
	m.forget(ctx, outcomes)
	m.unwire(ctx, outcomes)
	return outcomes
}

// forget tells the service manager of the containers that are gone, of all at once: it reads its files anew each time.
func (m *Manager) forget(ctx context.Context, outcomes []Outcome) {
	var gone []string
	for _, o := range outcomes {
		if o.Changed && o.Err == nil {
			gone = append(gone, o.Name)
		}
	}
	if m.Units == nil || len(gone) == 0 {
		return
	}
	if err := m.Units.Forget(ctx, gone); err != nil {
		for i := range outcomes {
			if outcomes[i].Changed && outcomes[i].Err == nil {
				outcomes[i].Err = fmt.Errorf("its files are gone, its unit is not: %w", err)
			}
		}
	}
}

func (m *Manager) destroyOne(ctx context.Context, container string) error {
	// Also where what is known of a unit's container cannot be used: systemd may still run it.
	if c := m.observeOne(container); c.Status.State != record.Stopped && (!c.Live.Init.IsZero() || c.Live.Unit) {
		if err := m.stopOne(ctx, container, true); err != nil {
			return err
		}
	}
	m.unmark(container)
	return m.inWorld(ctx, container, func() error {
		if err := errors.Join(m.kill(container), m.host.Forget(container)); err != nil {
			return err
		}
		trash, err := m.store.Discard(container)
		if errors.Is(err, name.ErrNoMatch) || errors.Is(err, os.ErrNotExist) {
			return nil // another command was faster
		}
		if err != nil {
			return err
		}
		return m.store.Purge(trash)
	})
}
