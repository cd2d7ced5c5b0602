package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/systemd"
)

// units is the service manager as the manager package wants it.
type units struct{ conn *systemd.Conn }

func newUnits(ctx context.Context) (*units, error) {
	dialing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := systemd.Dial(dialing, "")
	if err != nil {
		return nil, fmt.Errorf("reach systemd: %w", err)
	}
	return &units{conn}, nil
}

func (u *units) close() { u.conn.Close() }

// Start starts the unit of a container and waits for its job.
func (u *units) Start(ctx context.Context, name string) error { return one(ctx, name, u.conn.Start) }

// Stop is the reverse.
func (u *units) Stop(ctx context.Context, name string) error { return one(ctx, name, u.conn.Stop) }

func one(ctx context.Context, name string, job func(context.Context, []string, func(string, error))) error {
	err := errors.New("systemd did not report how the job ended")
	job(ctx, []string{systemd.Unit(name)}, func(_ string, result error) { err = result })
	return err
}

// Adopt writes the drop-ins of containers, enables those that start by themselves, and has systemd read it all once.
func (u *units) Adopt(ctx context.Context, records []record.Record) error {
	changed, err := writeDropIns(records)
	if err != nil {
		return err
	}
	var enable, disable []string
	for _, r := range records {
		if r.Spec.Autostart {
			enable = append(enable, systemd.Unit(r.Name))
		} else {
			disable = append(disable, systemd.Unit(r.Name)) // links that an earlier container of the name left
		}
	}
	for _, links := range []struct {
		units  []string
		change func(context.Context, []string) (bool, error)
	}{{enable, u.conn.Enable}, {disable, u.conn.Disable}} {
		if len(links.units) == 0 {
			continue
		}
		linked, err := links.change(ctx, links.units)
		if err != nil {
			return err
		}
		changed = changed || linked
	}
	return u.reload(ctx, changed)
}

// Prepare writes the drop-ins and leaves the links as they are.
func (u *units) Prepare(ctx context.Context, records []record.Record) error {
	changed, err := writeDropIns(records)
	if err != nil {
		return err
	}
	return u.reload(ctx, changed)
}

func (u *units) reload(ctx context.Context, changed bool) error {
	if !changed {
		return nil
	}
	return u.conn.Reload(ctx)
}

func writeDropIns(records []record.Record) (changed bool, err error) {
	for _, r := range records {
		written, err := systemd.WriteDropIn("/", r.Name, settings(r.Spec))
		if err != nil {
			return changed, err
		}
		changed = changed || written
	}
	return changed, nil
}

// Forget takes away what Adopt made.
func (u *units) Forget(ctx context.Context, names []string) error {
	disable := make([]string, len(names))
	for i, n := range names {
		disable[i] = systemd.Unit(n)
	}
	_, err := u.conn.Disable(ctx, disable)
	errs := []error{err}
	for _, n := range names {
		_, err := systemd.RemoveDropIn("/", n)
		errs = append(errs, err)
	}
	return errors.Join(append(errs, u.conn.ResetFailed(ctx, disable), u.conn.Reload(ctx))...)
}

// monitorTasks is room for the monitor, and for commands that enter the container, beside its own processes.
const monitorTasks = 256

// settings are what a unit needs to know of a spec.
func settings(s profiles.Spec) systemd.Settings {
	return systemd.Settings{
		Tasks: s.Limits.Pids + monitorTasks, StopSignal: s.Stop.Signal, StopTimeout: time.Duration(s.Stop.Timeout), Restart: string(s.Restart), Priority: s.Priority,
	}
}
