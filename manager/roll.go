package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/syslog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles/name"
)

// Rolls returns the store of rolls.
func (m *Manager) Rolls() roll.Store { return roll.Open(filepath.Join(m.Dirs.State, "rolls")) }

// Roller carries out what a roll decides. It is a roll.Actor.
func (m *Manager) Roller() roll.Actor { return &roller{m: m, restless: restless(m.Dirs)} }

type roller struct {
	m        *Manager
	restless func(context.Context) string

	mu    sync.Mutex
	users int       // restarts under way
	s     *starting // theirs
}

// starting returns the starter that restarts under way share, and what to call afterwards. It ends with the last of them: one that lived on
// through a later patch would still have the liblxc of before.
func (r *roller) starting() (s *starting, leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == 0 {
		r.s = r.m.starting()
	}
	r.users++
	return r.s, r.leave
}

func (r *roller) leave() {
	r.mu.Lock()
	r.users--
	last, s := r.users == 0, r.s
	r.mu.Unlock()
	if last {
		s.close()
	}
}

// Look sees every container whose record can be used, and whether the host is at rest.
func (r *roller) Look(ctx context.Context) (roll.World, error) {
	w, err := r.m.Observe()
	if err != nil {
		return roll.World{}, err
	}
	sights := make(map[string]roll.Sight, len(w.Containers))
	for _, c := range w.Containers {
		if c.Err == nil {
			sights[c.Name] = sightOf(c)
		}
	}
	return roll.World{Sights: sights, Changing: r.restless(ctx)}, nil
}

// sightOf is what a roll has to know of a container.
func sightOf(c Container) roll.Sight {
	if errors.Is(c.usable(), name.ErrNoMatch) {
		return roll.Sight{}
	}
	s := roll.Sight{Condition: roll.Sick, Reason: string(c.Status.State), Started: c.Live.Started, Restarting: c.Restarting}
	switch {
	case c.Status.State == record.Running && c.Status.Ready:
		s.Condition = roll.Up
	case c.Status.State == record.Frozen:
		s.Condition, s.Restarting = roll.Resting, false
	case c.fell():
		s.Condition, s.Reason = roll.Down, c.Status.Reason
	case c.Status.State == record.Stopped:
		s.Condition = roll.Resting
	}
	if c.Status.State != record.Stopped && !c.Live.Init.IsZero() {
		s.Boot = fmt.Sprintf("%s/%d/%d", c.Live.Boot, c.Live.Init.PID, c.Live.Init.Start)
		s.Generation, _ = strconv.Atoi(c.Live.Generation) // 0 for one that was mixed
	}
	return s
}

// Restart restarts the container if it is still what the roll has seen, which is looked at with its lock held.
func (r *roller) Restart(ctx context.Context, container, boot string, reasons []string) (roll.Sight, error) {
	p := Plan{Verb: Restart, Steps: []Step{{Name: container, Action: Restart}}}
	r.m.prepareUnits(ctx, p)
	s, leave := r.starting()
	defer leave()
	outcomes := r.m.carryOut(ctx, p, Apply{}, func(ctx context.Context, _ Step) (bool, error) {
		c := r.m.observeOne(container)
		seen := sightOf(c)
		if seen.Condition == roll.Up && seen.Boot != boot {
			r.m.unmark(container) // for whoever was killed before
		}
		if seen.Condition == roll.Gone || seen.Condition == roll.Resting || seen.Boot != boot {
			return false, nil
		}
		if done, err := r.m.startGoesOn(ctx, c); done {
			return true, err
		}
		tell(container, reasons)
		return true, r.m.restartOne(ctx, s, container, Apply{})
	})
	err := outcomes[0].Err
	if errors.Is(err, record.ErrBusy) {
		err = fmt.Errorf("%w: %w", roll.ErrLater, err)
	}
	return sightOf(r.m.observeOne(container)), err
}

// startGoesOn waits for a start that a restart has begun and whoever began it does not wait for any more, having been killed: its unit or its starter
// goes on without it. To begin anew would start the container twice. It reports false where there is none, or where it fails, and true with an
// error when ctx ends, since a restart must not be begun then.
func (m *Manager) startGoesOn(ctx context.Context, c Container) (bool, error) {
	if !c.Restarting || c.Status.State != record.Starting {
		return false, nil
	}
	const most = 5 * time.Minute // as long as a unit has to start
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := m.awaitReady(waiting, c.Name, Apply{})
	if ctx.Err() != nil {
		return true, context.Cause(ctx)
	}
	if err != nil {
		return false, nil //nolint:nilerr // the restart that follows tells what is wrong
	}
	m.unmark(c.Name)
	return true, nil
}

// tell writes to the host's journal or log why a roll restarts a container. Where there is none, the roll itself still knows.
func tell(container string, reasons []string) {
	log, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_NOTICE, "sysctr")
	if err != nil {
		return
	}
	_ = log.Notice(fmt.Sprintf("%s: restarted by a roll: %s", container, strings.Join(reasons, "; ")))
	_ = log.Close()
}

// Health waits until the container is ready, asks its systemd for what has failed, and runs the probe.
func (r *roller) Health(ctx context.Context, container string, probe []string, timeout time.Duration) (roll.Health, error) {
	within := func(do func(ctx context.Context) error) error {
		timed, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return do(timed)
	}
	if err := within(func(ctx context.Context) error { return r.m.awaitReady(ctx, container, Apply{}) }); err != nil {
		return roll.Health{Probe: err.Error()}, ctx.Err()
	}
	h := roll.Health{Ready: true}
	c := r.m.observeOne(container)
	if len(c.Record.Spec.Init) > 0 {
		if err := within(func(ctx context.Context) (err error) { h.Failed, err = r.failed(ctx, c); return err }); err != nil {
			return h, fmt.Errorf("ask for failed units: %w", err)
		}
	}
	if len(probe) > 0 {
		h.Probe = r.probe(ctx, container, probe, timeout)
	}
	return h, ctx.Err()
}

// failed asks the container's systemd for its failed units. An init that is no systemd has none. Mostly none has failed, and to know that is cheap.
func (r *roller) failed(ctx context.Context, c Container) ([]string, error) {
	short, cancel := context.WithTimeout(ctx, 2*time.Second) // the time left is for the other way to ask
	n, err := lxc.FailedUnits(short, c.Live.Init)
	if cancel(); err == nil && n == 0 {
		return nil, nil
	}
	var out capped
	status, err := r.m.Exec(ctx, lxc.Attach{
		Name: c.Name, Argv: []string{"systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full", "--no-pager"},
	}, lxc.Streams{Out: &out, Err: &capped{}})
	if err != nil || status != 0 {
		return nil, err
	}
	var units []string
	for line := range strings.Lines(out.String()) {
		if fields := strings.Fields(line); len(fields) > 0 {
			units = append(units, fields[0])
		}
	}
	return units, nil
}

// probe returns why a probe does not pass, or "".
func (r *roller) probe(ctx context.Context, container string, argv []string, timeout time.Duration) string {
	timed, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var out capped
	status, err := r.m.Exec(timed, lxc.Attach{Name: container, Argv: argv}, lxc.Streams{Out: &out, Err: &out})
	switch {
	case timed.Err() != nil:
		return fmt.Sprintf("it took longer than %v", timeout)
	case err != nil:
		return err.Error()
	case status == 0:
		return ""
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	return fmt.Sprintf("status %d%s", status, because(lines[len(lines)-1]))
}

// capped keeps the first bytes of what a container says, and drops the rest.
type capped struct{ bytes.Buffer }

// Write never fails, so that whoever writes goes on.
func (c *capped) Write(p []byte) (int, error) {
	const most = 64 << 10
	c.Buffer.Write(p[:min(len(p), max(0, most-c.Len()))])
	return len(p), nil
}
