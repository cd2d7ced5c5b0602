package systemd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

// State is what systemd says of one unit.
type State struct {
	// Unit is the name that was asked for.
	Unit string
	// Load is loaded, not-found, masked, …; Active is active, inactive, failed, activating, deactivating or reloading; Sub is
	// finer: running, auto-restart, stop-sigterm, ….
	Load, Active, Sub string
	// MainPID is the pid of the main process: the starter's, then the monitor's. 0 if there is none.
	MainPID int
	// Invocation is the id of this run of the unit, 32 hexadecimal digits, as journalctl _SYSTEMD_INVOCATION_ID= takes it. Empty if
	// it never ran.
	Invocation string
}

// State returns the states of the units, in their order. A unit that systemd does not know is inactive and not-found.
func (c *Conn) State(ctx context.Context, units []string) ([]State, error) {
	if len(units) == 0 {
		return nil, nil
	}
	listed, err := c.manager.ListUnitsByNamesContext(ctx, units)
	if err != nil {
		return nil, fmt.Errorf("list units: %w", c.lost(err))
	}
	known := make(map[string]State, len(listed))
	for _, unit := range listed {
		known[unit.Name] = State{Unit: unit.Name, Load: unit.LoadState, Active: unit.ActiveState, Sub: unit.SubState}
	}
	states := make([]State, 0, len(units))
	for _, unit := range units {
		state, ok := known[unit]
		if !ok {
			state = State{Unit: unit, Load: "not-found", Active: "inactive", Sub: "dead"}
		}
		if state.Active != "inactive" {
			if err := c.look(ctx, &state); err != nil {
				return nil, fmt.Errorf("look at %s: %w", unit, c.lost(err))
			}
		}
		states = append(states, state)
	}
	return states, nil
}

// look adds what a listing does not tell.
func (c *Conn) look(ctx context.Context, s *State) error {
	invocation, err := c.manager.GetUnitPropertyContext(ctx, s.Unit, "InvocationID")
	if err != nil {
		return err
	}
	if id, ok := invocation.Value.Value().([]byte); ok {
		s.Invocation = hex.EncodeToString(id)
	}
	pid, err := c.manager.GetServicePropertyContext(ctx, s.Unit, "MainPID")
	if err != nil {
		// Targets and mounts have no main process.
		return ignoreNamed(err, "org.freedesktop.DBus.Error.UnknownInterface", "org.freedesktop.DBus.Error.UnknownProperty")
	}
	if number, ok := pid.Value.Value().(uint32); ok {
		s.MainPID = int(number)
	}
	return nil
}

// Enable makes the units start with what their [Install] section names: containers with Target, Target with the boot. It only links;
// nothing starts, and the manager learns of it by Reload. It says whether a link changed, and is idempotent. One unit
// that cannot be enabled, because it is masked for instance, does not prevent the others.
func (c *Conn) Enable(ctx context.Context, units []string) (changed bool, err error) {
	return each(units, func(units []string) (bool, error) {
		// Forced, so that a link to where the unit files lay before is replaced.
		_, changes, err := c.manager.EnableUnitFilesContext(ctx, units, false, true)
		return len(changes) > 0, c.lost(err)
	})
}

// Disable undoes Enable, in the same manner. Running units go on running.
func (c *Conn) Disable(ctx context.Context, units []string) (changed bool, err error) {
	return each(units, func(units []string) (bool, error) {
		changes, err := c.manager.DisableUnitFilesContext(ctx, units, false)
		return len(changes) > 0, c.lost(err)
	})
}

// Reload makes the manager read all unit files, drop-ins and links anew. It costs about a millisecond per loaded unit, so call it
// once after the last change of a batch. Running units are not touched.
func (c *Conn) Reload(ctx context.Context) error {
	if err := c.manager.ReloadContext(ctx); err != nil {
		return fmt.Errorf("reload unit files: %w", c.lost(err))
	}
	return nil
}

// ResetFailed makes systemd forget that the units failed and how often they were started. Units that it does not know are left out.
func (c *Conn) ResetFailed(ctx context.Context, units []string) error {
	var failed []error
	for _, unit := range units {
		err := ignoreNamed(c.manager.ResetFailedUnitContext(ctx, unit), "org.freedesktop.systemd1.NoSuchUnit")
		if err != nil {
			failed = append(failed, fmt.Errorf("reset %s: %w", unit, c.lost(err)))
		}
	}
	return errors.Join(failed...)
}

// each changes all units in one call, and only if that fails one by one, to find out which is to blame.
func each(units []string, change func([]string) (bool, error)) (changed bool, err error) {
	if len(units) == 0 {
		return false, nil
	}
	if changed, err = change(units); err == nil {
		return changed, nil
	}
	var failed []error
	for _, unit := range units {
		linked, err := change([]string{unit})
		changed = changed || linked
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", unit, err))
		}
	}
	return changed, errors.Join(failed...)
}

func ignoreNamed(err error, names ...string) error {
	if named(err, names...) {
		return nil
	}
	return err
}
