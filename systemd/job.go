package systemd

import (
	"context"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"
)

// verb is one kind of job and how it is enqueued.
type verb struct {
	name    string
	enqueue func(ctx context.Context, unit, mode string, result chan<- string) (int, error)
	// fresh verbs start the unit, and must not be refused because it was started too often before.
	fresh bool
}

// Start starts the units, and is done with one when its job has ended: for a container, when it is ready. A unit that runs is left
// alone. Start limits that were reached before are lifted.
//
// All jobs are enqueued before the first is waited for, and the order among them is systemd's. report is called once for each different
// unit, in the order in which they end, from the calling goroutine; its error is nil, a *JobError if the job did not succeed, wraps
// ErrLost if the bus went away, or wraps the context's error. In the last two cases the jobs go on.
func (c *Conn) Start(ctx context.Context, units []string, report func(unit string, result error)) {
	c.run(ctx, verb{"start", c.manager.StartUnitContext, true}, units, report)
}

// Stop stops the units and is otherwise like Start. A unit that does not run, or does not exist, is stopped. That a unit had to
// be killed after its stop timeout is no error.
func (c *Conn) Stop(ctx context.Context, units []string, report func(unit string, result error)) {
	c.run(ctx, verb{"stop", c.manager.StopUnitContext, false}, units, report)
}

// Restart stops the units and starts them again, each as soon as it has stopped, and is otherwise like Start. A unit that does not
// run is started.
func (c *Conn) Restart(ctx context.Context, units []string, report func(unit string, result error)) {
	c.run(ctx, verb{"restart", c.manager.RestartUnitContext, true}, units, report)
}

func (c *Conn) run(ctx context.Context, v verb, units []string, report func(string, error)) {
	// A job can end before the answer to the call that made it arrives: results queue up from here on, and are read when all ids are known.
	results := make(chan *dbus.Signal)
	c.signals.Signal(results)
	defer c.signals.RemoveSignal(results)

	senders := managers{bus: c.signals.BusObject()}
	senders.ask(ctx)
	waiting := c.enqueue(ctx, v, units, report)
	for len(waiting) > 0 {
		select {
		case <-ctx.Done():
			abandon(waiting, report, fmt.Errorf("wait for the %s job: %w; it goes on, see systemctl list-jobs", v.name, context.Cause(ctx)))
			return
		case <-c.signals.Context().Done():
			abandon(waiting, report, fmt.Errorf("wait for the %s job: %w; it goes on, see systemctl list-jobs", v.name, ErrLost))
			return
		case signal := <-results:
			id, result, ok := removed(signal)
			unit, ours := waiting[id]
			if !ok || !ours || !senders.include(ctx, signal.Sender) {
				continue
			}
			delete(waiting, id)
			report(unit, c.outcome(ctx, v, unit, result))
		}
	}
}

// enqueue asks for all jobs, reports those that are refused and returns the units of the others by the ids of their jobs.
func (c *Conn) enqueue(ctx context.Context, v verb, units []string, report func(string, error)) map[uint32]string {
	waiting := make(map[uint32]string)
	for _, unit := range distinct(units) {
		if v.fresh {
			// Best effort: a unit that is not loaded has no limit to lift, and a limit that stays shows in the job's result.
			_ = c.manager.ResetFailedUnitContext(ctx, unit)
		}
		id, err := v.enqueue(ctx, unit, "replace", nil)
		switch {
		case err == nil:
			waiting[uint32(id)] = unit
		case v.name == "stop" && named(err, "org.freedesktop.systemd1.NoSuchUnit"):
			report(unit, nil)
		default:
			report(unit, fmt.Errorf("enqueue the %s job: %w", v.name, c.lost(err)))
		}
	}
	return waiting
}

// removed reads the signal JobRemoved(u id, o job, s unit, s result).
func removed(signal *dbus.Signal) (id uint32, result string, ok bool) {
	if signal == nil || signal.Name != managerInterface+".JobRemoved" {
		return 0, "", false
	}
	var job dbus.ObjectPath
	var unit string
	err := dbus.Store(signal.Body, &id, &job, &unit, &result)
	return id, result, err == nil
}

// managers are the senders whose word on jobs counts, since every user of a bus can send a signal that looks like systemd's: all that have
// owned its name during one wait. There may be several, as systemd comes back under another when it executes itself anew.
type managers struct {
	bus   dbus.BusObject
	known []string
}

func (m *managers) ask(ctx context.Context) {
	var owner string
	// Without an answer the sender stays unknown, and is asked for again with its first signal.
	if m.bus.CallWithContext(ctx, "org.freedesktop.DBus.GetNameOwner", 0, managerName).Store(&owner) == nil {
		m.known = append(m.known, owner)
	}
}

func (m *managers) include(ctx context.Context, sender string) bool {
	if !slices.Contains(m.known, sender) {
		m.ask(ctx)
	}
	return slices.Contains(m.known, sender)
}

func abandon(waiting map[uint32]string, report func(string, error), err error) {
	var units []string
	for _, unit := range waiting {
		units = append(units, unit)
	}
	slices.Sort(units)
	for _, unit := range units {
		report(unit, err)
	}
}

func distinct(units []string) []string {
	var once []string
	seen := make(map[string]bool)
	for _, unit := range units {
		if !seen[unit] {
			once, seen[unit] = append(once, unit), true
		}
	}
	return once
}
