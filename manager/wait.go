package manager

import (
	"context"
	"fmt"
	"time"

	"github.com/sysctr/sysctr/manager/record"
)

// AwaitVerb and AwaitStop are the actions of waiting; they change nothing.
const (
	AwaitVerb Action = "wait"
	AwaitStop Action = "wait for its stop"
)

// PlanWait waits until containers are ready, or stopped.
func PlanWait(w World, names []string, stopped bool) Plan {
	return plan(AwaitVerb, w, names, func(c Container) Step {
		switch {
		case stopped && c.Status.State == record.Stopped:
			return Step{Action: None, Why: "stopped"}
		case stopped:
			return Step{Action: AwaitStop}
		case c.Status.State == record.Running && c.Status.Ready:
			return Step{Action: None, Why: "ready"}
		default:
			return Step{Action: AwaitVerb}
		}
	})
}

// Wait carries out a plan of waits. It takes no lock: whoever is waited for has them.
func (m *Manager) Wait(ctx context.Context, p Plan, how Apply) []Outcome {
	how.unlocked = true
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		if step.Action == AwaitStop {
			return false, m.awaitStopped(ctx, step.Name)
		}
		return false, m.awaitUp(ctx, step.Name)
	})
}

// awaitUp waits for a container that may not have been started yet.
func (m *Manager) awaitUp(ctx context.Context, container string) error {
	err := m.poll(ctx, container, func(c Container) bool {
		return c.Err != nil || c.Status.State == record.Running || c.Status.State == record.Starting
	})
	if err != nil {
		return err
	}
	return m.awaitReady(ctx, container, Apply{})
}

func (m *Manager) awaitStopped(ctx context.Context, container string) error {
	return m.poll(ctx, container, func(c Container) bool { return c.Status.State == record.Stopped || c.Err != nil })
}

// poll looks until there is what is waited for. What is waited for is done by other processes, in no order that could be subscribed to.
func (m *Manager) poll(ctx context.Context, container string, there func(Container) bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c := m.observeOne(container)
		if there(c) {
			return c.usable()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it is %s%s: %w", c.Status.State, because(c.Status.Reason), ctx.Err())
		}
	}
}
