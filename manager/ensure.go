package manager

import (
	"slices"

	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// Goal is a state that containers are to be in, whatever they are in now.
type Goal string

// The goals. Present means that the container is there and in step with its profile, in whatever state; so do all others but Absent.
const (
	Present   Goal = "present"
	Started   Goal = "started"
	Stopped   Goal = "stopped"
	Restarted Goal = "restarted" // runs, and was started anew
	Absent    Goal = "absent"
)

// Goals are all goals, in the order in which they are shown.
func Goals() []Goal { return []Goal{Present, Started, Stopped, Restarted, Absent} }

// Split divides names into those of containers that are there and the others, each in the given order.
func (w World) Split(names []string) (there, missing []string) {
	for _, n := range names {
		if _, ok := w.Find(n); ok {
			there = append(there, n)
		} else {
			missing = append(missing, n)
		}
	}
	return there, missing
}

// With returns the world as it is when these containers, which are not there, have been made of spec. It shares nothing that w may change.
func (w World) With(names []string, spec profiles.Spec) World {
	with := World{Containers: slices.Clone(w.Containers)}
	for _, n := range names {
		with.Containers = append(with.Containers, Container{
			Name: n, Record: record.Record{Name: n, Spec: spec}, Status: record.Status{State: record.Stopped},
		})
	}
	slices.SortFunc(with.Containers, func(a, b Container) int { return name.Compare(a.Name, b.Name) })
	return with
}

// PlanGoal brings containers that are there into the state of a goal; none for Present and Absent. Plans for different containers come apart where
// they are carried out differently. Restarted starts what is stopped, also by hand: whoever names the goal wants it to run.
func PlanGoal(w World, names []string, g Goal) []Plan {
	switch g {
	case Started:
		return []Plan{PlanStart(w, names)}
	case Stopped:
		return []Plan{PlanStop(w, names)}
	case Restarted:
		var resting, others []string
		for _, n := range names {
			if c, _ := w.Find(n); c.Status.State == record.Stopped {
				resting = append(resting, n)
			} else {
				others = append(others, n)
			}
		}
		return []Plan{PlanStart(w, resting), PlanRestart(w, others)}
	default:
		return nil
	}
}

// Follow is what became of one container after a second step of the same command.
func Follow(first, then Outcome) Outcome {
	o := first
	o.Status, o.Err, o.Changed = then.Status, then.Err, first.Changed || then.Changed
	switch {
	case first.Action == None || first.Action == "":
		o.Action, o.Why = then.Action, then.Why
	case then.Action != None && then.Action != "":
		o.Action = first.Action + "+" + then.Action
	}
	return o
}
