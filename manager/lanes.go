package manager

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sysctr/sysctr/manager/record"
)

// Outcome is what became of a step.
type Outcome struct {
	Step
	Changed bool
	Status  record.Status // afterwards
}

// Apply says how a plan is carried out.
type Apply struct {
	Parallel int           // lanes at a time; 0: as many as the verb can use
	Timeout  time.Duration // of each lane; 0: the verb's own
	NoWait   bool          // do not wait until started containers are ready
	Now      bool          // stop by killing
	Report   func(Outcome) // called once per step, from the lanes; nil: nobody is told

	unlocked bool // the lanes change nothing
}

// manyLanes is how many lanes wait side by side where nothing else is said: waiting costs a goroutine, and what is expensive (mounting,
// forking) is bounded where it is done.
const manyLanes = 256

// action carries out a step. changed says whether something is not as before, also with an error.
type action func(ctx context.Context, s Step) (changed bool, err error)

// carryOut runs the steps of a plan in lanes, in order. When ctx ends no further lane is begun; those under way see it and come to an end
// of their own. Each lane holds its container's Verb lock, and fails with record.ErrBusy where another command has it.
func (m *Manager) carryOut(ctx context.Context, p Plan, how Apply, act action) []Outcome {
	outcomes := make([]Outcome, len(p.Steps))
	tokens := make(chan struct{}, lanes(how))
	var running sync.WaitGroup
	for i, step := range p.Steps {
		tokens <- struct{}{}
		running.Add(1)
		go func() {
			defer running.Done()
			outcomes[i] = m.lane(ctx, p.again, step, how, act)
			if how.Report != nil {
				how.Report(outcomes[i])
			}
			<-tokens
		}()
	}
	running.Wait()
	return outcomes
}

func lanes(how Apply) int {
	if how.Parallel > 0 {
		return how.Parallel
	}
	return manyLanes
}

func (m *Manager) lane(ctx context.Context, again func(Container) Step, step Step, how Apply, act action) Outcome {
	out := Outcome{Step: step}
	switch {
	case step.Err != nil || step.Action == None:
	case ctx.Err() != nil:
		out.Err = ctx.Err()
	default:
		out.Changed, out.Err = m.locked(ctx, again, step, how, act)
	}
	out.Status = m.observeOne(step.Name).Status
	return out
}

func (m *Manager) locked(ctx context.Context, again func(Container) Step, step Step, how Apply, act action) (bool, error) {
	if !how.unlocked {
		if err := m.locks.Try(step.Name, record.Verb); err != nil {
			return false, busy(err)
		}
		defer m.locks.Release(step.Name, record.Verb) //nolint:errcheck // the descriptor is ours; the end of the process releases it anyway
	}
	if again != nil {
		if now := again(m.observeOne(step.Name)); now.Err != nil || now.Action == None {
			return false, now.Err
		}
	}
	if how.Timeout > 0 {
		timed, cancel := context.WithTimeoutCause(ctx, how.Timeout, fmt.Errorf("it took longer than %v; it goes on", how.Timeout))
		defer cancel()
		changed, err := act(timed, step)
		if timed.Err() != nil && errors.Is(err, context.DeadlineExceeded) { // and not that of something shorter within the verb
			err = context.Cause(timed)
		}
		return changed, err
	}
	return act(ctx, step)
}

// inWorld runs f with the container's World lock, which starters of units and of reboots take too. Theirs are short, so it waits a little.
func (m *Manager) inWorld(ctx context.Context, container string, f func() error) error {
	if err := m.takeWorld(ctx, container); err != nil {
		return err
	}
	defer m.leaveWorld(container)
	return f()
}

func (m *Manager) takeWorld(ctx context.Context, container string) error {
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return busy(m.locks.Acquire(waiting, container, record.World))
}

func (m *Manager) leaveWorld(container string) {
	_ = m.locks.Release(container, record.World) // as above
}

func busy(err error) error {
	if errors.Is(err, record.ErrBusy) {
		return fmt.Errorf("%w: another sysctr command works on it; try again when it has finished", record.ErrBusy)
	}
	return err
}
