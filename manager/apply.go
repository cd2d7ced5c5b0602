package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// ErrWidens refuses changes that give a container more privilege than its record says, as long as nobody has confirmed them.
var ErrWidens = errors.New("it would give the container more privilege")

// ErrIsolation refuses another isolation: the delta's files belong to the ids of the present one.
var ErrIsolation = errors.New("the isolation of a container cannot be changed; create another one")

// Change is one field of a spec that a plan changes.
type Change struct {
	profiles.Change
	// Pending says that it holds from the next start on; others hold at once.
	Pending bool
}

// Request is what apply is asked for.
type Request struct {
	Profile string   // another profile; empty for each container's own
	Set     []string // laid over what was set before
	Grant   bool     // more privilege is confirmed
}

// Resolver gives the spec of a profile, see profiles.Library.
type Resolver func(profile string, set []string) (profiles.Spec, error)

// PlanApply brings records in step with what their profiles give now, or with another profile or further settings.
func PlanApply(w World, names []string, r Request, resolve Resolver) Plan {
	resolve = remember(resolve)
	return plan(ApplyVerb, w, names, func(c Container) Step {
		want, err := wanted(c.Record.Spec, r, resolve)
		if err != nil {
			return Step{Err: err}
		}
		changes := Changes(c, want)
		step := Step{Action: ApplyVerb, Changes: changes, Spec: &want, Base: c.Record.Spec}
		switch {
		case len(changes) == 0:
			return Step{Action: None, Why: "up to date"}
		case want.Isolation != c.Record.Spec.Isolation:
			step.Err = ErrIsolation
		case !r.Grant && len(widens(c.Record.Spec, want)) > 0:
			step.Err = fmt.Errorf("%w (%s)", ErrWidens, strings.Join(widens(c.Record.Spec, want), ", "))
		}
		return step
	})
}

func wanted(have profiles.Spec, r Request, resolve Resolver) (profiles.Spec, error) {
	profile := have.Profile
	if r.Profile != "" {
		profile = r.Profile
	}
	// The same setting given again only moves to the end: the list must not grow with each run of one command.
	set := slices.DeleteFunc(slices.Clone(have.Set), func(s string) bool { return slices.Contains(r.Set, s) })
	return resolve(profile, append(set, r.Set...))
}

// remember resolves each profile with the same settings once: a fleet has few of them.
func remember(resolve Resolver) Resolver {
	type answer struct {
		spec profiles.Spec
		err  error
	}
	known := map[string]answer{}
	return func(profile string, set []string) (profiles.Spec, error) {
		key := strings.Join(append([]string{profile}, set...), "\x00")
		a, ok := known[key]
		if !ok {
			a.spec, a.err = resolve(profile, set)
			known[key] = a
		}
		return a.spec, a.err
	}
}

// Changes says what a spec changes about a container, and what of it has to wait for a restart.
func Changes(c Container, want profiles.Spec) []Change {
	running := c.Status.State != record.Stopped
	var changes []Change
	for _, d := range profiles.Diff(c.Record.Spec, want) {
		changes = append(changes, Change{Change: d, Pending: running && needsRestart(d.Field)})
	}
	return changes
}

// needsRestart says that a field is built into mounts or processes.
func needsRestart(field string) bool {
	switch field {
	case "init", "command", "environment", "isolation", "units", "hide", "share", "mounts", "drop", "network", "volumes", "usr":
		return true
	}
	return false
}

// widens names the fields by which a spec gives more privilege than another.
func widens(have, want profiles.Spec) []string {
	var fields []string
	if slices.ContainsFunc(have.Drop, func(c string) bool { return !slices.Contains(want.Drop, c) }) {
		fields = append(fields, "drop")
	}
	if slices.ContainsFunc(have.Hide, func(p string) bool { return !slices.Contains(want.Hide, p) }) {
		fields = append(fields, "hide")
	}
	if slices.ContainsFunc(want.Share, func(p string) bool { return !slices.Contains(have.Share, p) }) {
		fields = append(fields, "share")
	}
	return fields
}

// Pending names the fields of a running container's record that hold only after a restart.
func (c Container) Pending() []string {
	if c.Err != nil || c.Live.Init.IsZero() || c.Live.Spec.Profile == "" {
		return nil
	}
	var fields []string
	for _, d := range profiles.Diff(c.Live.Spec, c.Record.Spec) {
		if needsRestart(d.Field) {
			fields = append(fields, d.Field)
		}
	}
	return fields
}

// Drift names, for each container of the world, the fields in which its record differs from what its profile gives now. A profile that
// cannot be resolved is a drift of "profile".
func (w World) Drift(resolve Resolver) map[string][]string {
	resolve = remember(resolve)
	drift := map[string][]string{}
	for _, c := range w.Containers {
		if c.Err != nil {
			continue
		}
		want, err := wanted(c.Record.Spec, Request{}, resolve)
		if err != nil {
			drift[c.Name] = []string{"profile"}
			continue
		}
		for _, d := range profiles.Diff(c.Record.Spec, want) {
			drift[c.Name] = append(drift[c.Name], d.Field)
		}
	}
	return drift
}

// ApplySpecs carries out a plan of changes: what can hold at once does when the lane ends, the record says the rest. A lane that fails leaves
// the record, and the limits of the running container, as they were.
func (m *Manager) ApplySpecs(ctx context.Context, p Plan, how Apply) []Outcome {
	outcomes := m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		err := m.applyOne(ctx, step)
		return err == nil, err
	})
	m.adopt(ctx, outcomes)
	err := m.wire(ctx, slices.ContainsFunc(outcomes, rewires))
	for i := range outcomes {
		if err != nil && outcomes[i].Err == nil && rewires(outcomes[i]) {
			outcomes[i].Err = err
		}
	}
	return outcomes
}

// rewires reports whether something of the network has changed.
func rewires(o Outcome) bool {
	return slices.ContainsFunc(o.Changes, func(c Change) bool { return c.Field == "network" || c.Field == "ports" })
}

func (m *Manager) applyOne(ctx context.Context, step Step) error {
	return m.inWorld(ctx, step.Name, func() error {
		c := m.observeOne(step.Name)
		if err := c.usable(); err != nil {
			return err
		}
		// What the plan adds to, and the privilege that it compared with, is no more: carried out, it would undo the other command's work.
		if !c.Record.Spec.Equal(step.Base) {
			return busy(record.ErrBusy)
		}
		old := c.Record
		next := old
		next.Spec = *step.Spec
		if err := m.limit(c, next.Spec.Limits); err != nil {
			return errors.Join(err, m.limit(c, old.Spec.Limits))
		}
		if err := m.runsWith(c, next.Spec); err != nil {
			return errors.Join(err, m.limit(c, old.Spec.Limits))
		}
		// The record last: whatever fails or is interrupted before, it still says what was, and the same apply does the rest.
		if err := m.rewire(ctx, old, next); err != nil {
			return errors.Join(err, m.limit(c, old.Spec.Limits), m.runsWith(c, old.Spec))
		}
		return nil
	})
}

// limit writes the limits of a container that runs.
func (m *Manager) limit(c Container, l profiles.Limits) error {
	if !c.running() {
		return nil
	}
	tree, err := m.host.Layout.Tree(c.Live.Cgroup)
	if err != nil {
		return err
	}
	for _, s := range lxc.Limits(l) {
		// A controller that the host lacks limits nothing at a start either; doctor says so.
		switch err := tree.Set(s); {
		case errors.Is(err, syscall.EBUSY):
			return fmt.Errorf("it uses more %s than that; end something in it, or stop it first: %w", s.Controller, err)
		case err != nil && !errors.Is(err, alive.ErrUnsupported):
			return err
		}
	}
	return nil
}

func (c Container) running() bool {
	return c.Status.State == record.Running || c.Status.State == record.Frozen
}

// runsWith writes down what of a new spec a running container has already.
func (m *Manager) runsWith(c Container, spec profiles.Spec) error {
	if !c.running() || c.Live.Spec.Profile == "" {
		return nil
	}
	now := c.Live.Spec
	now.Limits, now.Tags, now.Autostart, now.Priority = spec.Limits, spec.Tags, spec.Autostart, spec.Priority
	now.Stop, now.Restart, now.Patch, now.Description = spec.Stop, spec.Restart, spec.Patch, spec.Description
	now.Profile, now.Set, now.Ports = spec.Profile, spec.Set, spec.Ports
	c.Live.Spec = now
	return m.host.Live.Save(c.Name, c.Live)
}
