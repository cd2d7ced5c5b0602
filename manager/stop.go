package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// killPatience bounds how long killed processes may take to end. Only a process stuck in the kernel takes longer.
const killPatience = 30 * time.Second

// Stop carries out a plan of stops: the container is asked by its stop signal, has its time, and is then killed.
func (m *Manager) Stop(ctx context.Context, p Plan, how Apply) []Outcome {
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		err := m.stopOne(ctx, step.Name, how.Now || step.Action == Kill)
		if err == nil {
			m.unmark(step.Name)
		}
		return true, err
	})
}

// stopOne stops a container whatever state it is in. Idempotent.
func (m *Manager) stopOne(ctx context.Context, container string, now bool) error {
	return m.inWorld(ctx, container, func() error {
		c := m.observeOne(container)
		if c.Live.Unit && m.Units != nil { // also of a stopped one: systemd may be about to start it again
			return m.stopUnit(ctx, c, now)
		}
		if c.Status.State == record.Stopped {
			return m.host.Sweep(ctx, container)
		}
		m.intend(c)
		if !now {
			if err := m.ask(ctx, c); err != nil {
				return err
			}
		}
		return m.kill(c.Name)
	})
}

// stopUnit has systemd stop the container's unit, which is the same as systemctl stop. What that cannot do is done here: a frozen
// container does not hear its signal, and a stopped monitor does not pass it on.
func (m *Manager) stopUnit(ctx context.Context, c Container, now bool) error {
	m.intend(c)
	if !now || c.Live.Init.IsZero() { // whose processes nobody knows here, only its unit can end
		if err := m.thawToStop(c); err != nil {
			return err
		}
		err := m.Units.Stop(ctx, c.Name)
		if ctx.Err() != nil {
			return err // whoever asked has lost patience, which is no reason to kill
		}
		return errors.Join(err, m.kill(c.Name))
	}
	stopped := make(chan error, 1)
	go func() { stopped <- m.Units.Stop(ctx, c.Name) }()
	err := m.kill(c.Name)
	// Killed before the job was queued, the unit waits for its restart, and the stop ends that too.
	return errors.Join(err, <-stopped)
}

// intend writes down that the stop is wanted, so that nobody takes the end for a failure and starts the container again. The stop goes on
// where that cannot be written, as on a full disk: only one that is interrupted needs the note, and stopping must never need room.
func (m *Manager) intend(c Container) {
	if c.Live.Init.IsZero() {
		return
	}
	c.Live.Phase = record.PhaseStopping
	_ = m.host.Live.Save(c.Name, c.Live)
}

// ask sends the stop signal and waits for the container's end or the end of its time. Neither is an error.
func (m *Manager) ask(ctx context.Context, c Container) error {
	if err := m.thawToStop(c); err != nil {
		return err
	}
	signal, err := alive.SignalNumber(c.Record.Spec.Stop.Signal)
	if err != nil {
		return err
	}
	init, err := c.Live.Init.Open()
	if errors.Is(err, alive.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer init.Close()
	if err := init.Signal(signal); err != nil {
		return ignoreGone(err)
	}
	patience, cancel := context.WithTimeout(ctx, time.Duration(c.Record.Spec.Stop.Timeout))
	defer cancel()
	if err := init.Wait(patience); err != nil {
		return ctx.Err() // nil when only the container's own time is over
	}
	return m.leave(ctx, c)
}

// leave gives the monitor the moment it needs to clean up after a container that has ended.
func (m *Manager) leave(ctx context.Context, c Container) error {
	monitor, err := c.Live.Monitor.Open()
	if err != nil {
		return ignoreGone(err)
	}
	defer monitor.Close()
	moment, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := monitor.Wait(moment); err != nil {
		return ctx.Err()
	}
	return nil
}

func ignoreGone(err error) error {
	if errors.Is(err, alive.ErrGone) {
		return nil
	}
	return err
}

func (m *Manager) thawToStop(c Container) error {
	if c.Status.State != record.Frozen {
		return nil
	}
	tree, err := m.host.Layout.Tree(c.Live.Cgroup)
	if err != nil {
		return err
	}
	return tree.Thaw()
}

// kill ends what is left and sweeps. It does not take the verb's context: an interrupted stop still leaves nothing half-dead.
func (m *Manager) kill(container string) error {
	ctx, cancel := context.WithTimeout(context.Background(), killPatience)
	defer cancel()
	if err := m.host.Kill(ctx, container); err != nil {
		return fmt.Errorf("kill it: %w", err)
	}
	return nil
}

// Freeze and Thaw carry out plans of those verbs.
func (m *Manager) Freeze(ctx context.Context, p Plan, how Apply) []Outcome {
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		return true, m.inWorld(ctx, step.Name, func() error {
			tree, err := m.host.Layout.Tree(m.observeOne(step.Name).Live.Cgroup)
			if err != nil {
				return err
			}
			if step.Action == Thaw {
				return tree.Thaw()
			}
			return tree.Freeze(ctx)
		})
	})
}
