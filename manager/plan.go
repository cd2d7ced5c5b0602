package manager

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// Action is what a step does to its container.
type Action string

// The actions. None is the action of a step whose container is already as wanted.
const (
	None    Action = "none"
	Create  Action = "create"
	Start   Action = "start"
	Stop    Action = "stop"
	Restart Action = "restart"
	Kill    Action = "kill"
	Freeze  Action = "freeze"
	Thaw    Action = "thaw"
	Destroy Action = "destroy"

	// ApplyVerb changes records, and what of containers can be changed while they run.
	ApplyVerb Action = "apply"
)

// Step is what a plan does with one container.
type Step struct {
	Name   string
	Action Action
	Why    string // of None, and of anything that is not obvious
	Err    error  // why the verb cannot be carried out here; nothing is done then
	Rank   int    // steps of higher rank are begun first

	Changes []Change       // of apply
	Spec    *profiles.Spec // that the record gets
	Base    profiles.Spec  // that the record had when Spec was made
}

// Plan is what a verb is going to do, in the order in which lanes are fed.
type Plan struct {
	Verb  Action
	Steps []Step

	missing bool // of creations: what exists is left alone, whatever its spec

	// again decides once more for one container, when its lane has its lock: the world may have moved since it was observed. nil where the verb looks
	// by itself.
	again func(Container) Step
}

// Sentinels of refused steps.
var (
	// ErrRunningContainer refuses to destroy what runs without being told to.
	ErrRunningContainer = errors.New("it is running; stop it first, or add --force")
	// ErrExists refuses to create a container that exists with another spec.
	ErrExists = errors.New("it exists with another spec")
	// ErrNotReady says that a container runs and has not said that it is up.
	ErrNotReady = errors.New("it runs and is not ready")
	// ErrState refuses a verb that makes no sense in the container's state.
	ErrState = errors.New("not possible in this state")
)

// decide returns the step of one verb for one container, without name and rank.
type decide func(c Container) Step

// PlanStart starts what is stopped. A frozen container is not stopped; it is told to be thawed.
func PlanStart(w World, names []string) Plan {
	ports := w.ports()
	return plan(Start, w, names, func(c Container) Step {
		if c.Status.State == record.Stopped || c.Status.State == record.Broken {
			more := int(managed(c.Record.Spec))
			if err := network.Room(ports, more); more > 0 && err != nil {
				return Step{Err: err}
			}
			ports += more
		}
		switch c.Status.State {
		case record.Running, record.Starting:
			if c.Status.State == record.Running && c.Status.Ready {
				return Step{Action: None, Why: "already running"}
			}
			return Step{Action: Start, Why: "is on its way"}
		case record.Frozen:
			return Step{Err: fmt.Errorf("%w: it is frozen; thaw it", ErrState)}
		default:
			return Step{Action: Start}
		}
	})
}

// PlanStop stops what runs.
func PlanStop(w World, names []string) Plan {
	return plan(Stop, w, names, func(c Container) Step {
		if c.atRest() {
			return Step{Action: None, Why: "already stopped"}
		}
		return Step{Action: Stop}
	})
}

// PlanKill is PlanStop at once.
func PlanKill(w World, names []string) Plan {
	return plan(Kill, w, names, func(c Container) Step {
		if c.atRest() {
			return Step{Action: None, Why: "already stopped"}
		}
		return Step{Action: Kill}
	})
}

// PlanRestart restarts what runs, and starts what has ended by itself. What was stopped by hand stays stopped: a bulk restart never starts it, a
// single name is told why.
func PlanRestart(w World, names []string) Plan {
	return plan(Restart, w, names, func(c Container) Step {
		if c.Status.State == record.Stopped && !c.fell() {
			return Step{Action: None, Why: "stopped; start it"}
		}
		return Step{Action: Restart}
	})
}

// PlanFreeze freezes what runs.
func PlanFreeze(w World, names []string) Plan {
	return plan(Freeze, w, names, func(c Container) Step {
		switch c.Status.State {
		case record.Frozen:
			return Step{Action: None, Why: "already frozen"}
		case record.Running:
			return Step{Action: Freeze}
		default:
			return Step{Err: fmt.Errorf("%w: it is %s", ErrState, c.Status.State)}
		}
	})
}

// PlanThaw thaws what is frozen.
func PlanThaw(w World, names []string) Plan {
	return plan(Thaw, w, names, func(c Container) Step {
		if c.Status.State == record.Frozen {
			return Step{Action: Thaw}
		}
		return Step{Action: None, Why: "not frozen"}
	})
}

// PlanDestroy destroys containers with their deltas; running ones only with force. A record that cannot be read is destroyed too, with
// force: its range stays reserved as long as its files exist.
func PlanDestroy(w World, names []string, force bool) Plan {
	p := Plan{Verb: Destroy, again: func(c Container) Step {
		if errors.Is(c.Err, os.ErrNotExist) {
			return Step{Action: None, Why: "another command was faster"}
		}
		return PlanDestroy(World{[]Container{c}}, []string{c.Name}, force).Steps[0]
	}}
	for _, n := range names {
		c, ok := w.Find(n)
		step := Step{Name: n, Action: Destroy, Rank: -c.Record.Spec.Priority}
		switch {
		case !ok:
			step.Err = fmt.Errorf("%w: there is no container of this name", name.ErrNoMatch)
		case errors.Is(c.Err, record.ErrFormat):
			step.Err = c.Err // a newer sysctr wrote it; it knows what belongs to it
		case c.Err != nil && !force:
			step.Err = fmt.Errorf("the record cannot be used; add --force to destroy it all the same: %w", c.Err)
		case c.Err == nil && c.Status.State != record.Stopped && !force:
			step.Err = ErrRunningContainer
		}
		p.Steps = append(p.Steps, step)
	}
	p.order()
	return p
}

// plan applies a decision to each name: unusable containers are refused, the others are ordered by priority. Those of higher priority are
// started first and stopped last.
func plan(verb Action, w World, names []string, d decide) Plan {
	p := Plan{Verb: verb}
	if verb != Start { // which counts ports of the world
		p.again = func(c Container) Step { return plan(verb, World{[]Container{c}}, []string{c.Name}, d).Steps[0] }
	}
	for _, n := range names {
		c, ok := w.Find(n)
		var step Step
		switch {
		case !ok:
			step.Err = fmt.Errorf("%w: there is no container of this name", name.ErrNoMatch)
		case c.usable() != nil:
			step.Err = c.usable()
		default:
			step = d(c)
		}
		step.Name, step.Rank = n, c.Record.Spec.Priority
		if verb == Stop || verb == Kill {
			step.Rank = -step.Rank
		}
		p.Steps = append(p.Steps, step)
	}
	p.order()
	return p
}

func (p Plan) order() {
	slices.SortStableFunc(p.Steps, func(a, b Step) int {
		if a.Rank != b.Rank {
			return b.Rank - a.Rank
		}
		return name.Compare(a.Name, b.Name)
	})
}

// Names returns the containers of the plan, in order.
func (p Plan) Names() []string {
	names := make([]string, len(p.Steps))
	for i, s := range p.Steps {
		names[i] = s.Name
	}
	return names
}
