package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// Start carries out a plan of starts: through units where systemd is PID 1, else through one starter for all.
func (m *Manager) Start(ctx context.Context, p Plan, how Apply) []Outcome {
	m.prepareUnits(ctx, p)
	s := m.starting()
	defer s.close()
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		changed, err := m.startOne(ctx, s, step.Name, how)
		if err == nil {
			m.unmark(step.Name)
		}
		return changed, err
	})
}

// Restart carries out a plan of restarts: each lane stops its container and starts it again over fresh mounts. Interrupted in between, the
// next restart of the container starts it.
func (m *Manager) Restart(ctx context.Context, p Plan, how Apply) []Outcome {
	m.prepareUnits(ctx, p)
	s := m.starting()
	defer s.close()
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		return true, m.restartOne(ctx, s, step.Name, how)
	})
}

func (m *Manager) restartOne(ctx context.Context, s *starting, container string, how Apply) error {
	m.mark(container)
	if err := m.stopOne(ctx, container, how.Now); err != nil {
		return err
	}
	_, err := m.startOne(ctx, s, container, how)
	if err == nil {
		m.unmark(container)
	}
	return err
}

// prepareUnits has the service manager know the records of what is about to start. A step that cannot be prepared fails in its lane.
func (m *Manager) prepareUnits(ctx context.Context, p Plan) {
	if m.Units == nil {
		return
	}
	var records []record.Record
	for _, step := range p.Steps {
		if rec, err := m.store.Load(step.Name); err == nil && step.Err == nil && step.Action != None {
			records = append(records, rec)
		}
	}
	if err := m.Units.Prepare(ctx, records); err != nil {
		for i := range p.Steps {
			if p.Steps[i].Err == nil && p.Steps[i].Action != None {
				p.Steps[i].Err = fmt.Errorf("prepare its unit: %w", err)
			}
		}
	}
}

// startOne returns whether it started anything.
func (m *Manager) startOne(ctx context.Context, s *starting, container string, how Apply) (bool, error) {
	c := m.observeOne(container)
	switch {
	case c.usable() != nil:
		return false, c.usable()
	case c.Status.State == record.Running || c.Status.State == record.Starting:
		return false, m.awaitReady(ctx, container, how)
	case c.Status.State != record.Stopped:
		// What an interrupted command left half-alive was never verified, or is on its way out: start from nothing.
		if err := m.stopOne(ctx, container, true); err != nil {
			return true, err
		}
	}
	if m.Units != nil {
		if err := m.Units.Start(ctx, container); err != nil {
			return true, err
		}
		return true, m.awaitReady(ctx, container, how)
	}
	runtime, err := s.runtime()
	if err != nil {
		return false, err
	}
	if err := m.takeWorld(ctx, container); err != nil {
		return false, err
	}
	err = startInBatch(ctx, runtime, container, how)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		// We stop waiting and the starter goes on, with the very lock that we would release for both.
		s.keep(container)
		return true, err
	}
	m.leaveWorld(container)
	return true, err
}

func startInBatch(ctx context.Context, r Runtime, container string, how Apply) error {
	if !how.NoWait {
		return r.Start(ctx, container, nil)
	}
	early, cancel := context.WithCancel(ctx)
	defer cancel()
	runs := false
	err := r.Start(early, container, func() { runs = true; cancel() })
	if runs && errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return nil
	}
	return err
}

// awaitReady waits for a container that somebody else started. Its READY may have been lost with the process that waited for it, so the
// container is also asked.
func (m *Manager) awaitReady(ctx context.Context, container string, how Apply) error {
	if how.NoWait {
		return nil
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for ending := 0; ; {
		c := m.observeOne(container)
		switch {
		case c.Status.State == record.Stopped && m.done(c):
			return nil
		case c.Status.State == record.Stopping && c.Live.Phase == record.PhaseRunning && ending < monitorTicks:
			ending++ // a command that has ended: its monitor still takes its interfaces away
		case c.Status.State != record.Running && c.Status.State != record.Starting:
			return fmt.Errorf("it ended while it booted: it is %s%s", c.Status.State, because(c.Status.Reason))
		case c.Status.Ready:
			return nil
		case !c.Live.Starter.Alive():
			return m.askReady(ctx, c)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// monitorTicks is how often awaitReady looks whether the monitor of a container that has ended by itself has ended too: ten seconds.
const monitorTicks = 200

// done reports whether a stopped container has done what it was for: its command has ended, and well.
func (m *Manager) done(c Container) bool {
	status, known := m.host.Status(c.Name)
	return len(c.Record.Spec.Command) > 0 && c.Live.Phase == record.PhaseRunning && known && status == 0
}

// askReady asks the container's own systemd whether it has booted, and records the answer.
func (m *Manager) askReady(ctx context.Context, c Container) error {
	status, err := m.Exec(ctx, lxc.Attach{
		Name: c.Name, Argv: []string{"systemctl", "is-system-running", "--wait", "--quiet"},
	}, lxc.Streams{Out: io.Discard, Err: io.Discard})
	if err != nil {
		return fmt.Errorf("ask whether it has booted: %w", err)
	}
	const degraded = 1 // systemctl's status for anything but "running"; a degraded system has booted
	if status > degraded {
		return fmt.Errorf("%w: its systemd does not answer (systemctl: status %d)", ErrNotReady, status)
	}
	c.Live.Ready = true
	return m.host.Live.Save(c.Name, c.Live)
}

// Exec runs a command inside a running container, see lxc.Program.
func (m *Manager) Exec(ctx context.Context, a lxc.Attach, s lxc.Streams) (int, error) {
	return m.program.Exec(ctx, a, s)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// starting spawns the starter when the first lane needs it.
type starting struct {
	spawn func() (Runtime, error)
	leave func(container string) // its World lock
	once  sync.Once
	r     Runtime
	err   error

	mu   sync.Mutex
	kept []string // containers whose World locks are the starter's until it has finished
}

func (m *Manager) starting() *starting { return &starting{spawn: m.spawn, leave: m.leaveWorld} }

func (s *starting) keep(container string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, container)
}

func (s *starting) runtime() (Runtime, error) {
	s.once.Do(func() { s.r, s.err = s.spawn() })
	return s.r, s.err
}

func (s *starting) close() {
	if s.r != nil {
		_ = s.r.Close() // each lane has had its answer or its error
	}
	for _, container := range s.kept {
		s.leave(container)
	}
}
