package systemd

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// StopAsked says whether a unit that is ending was asked to: by a stop or restart job, and not by the end of its own main process. It is for
// a program in the unit's ExecStopPost=, which systemd tells how the process ended but not why. address and ctx are as for Dial; it
// subscribes to nothing, so that many may ask at once.
func StopAsked(ctx context.Context, address, unit string) (bool, error) {
	conn, err := dial(ctx, address)
	if err != nil {
		return false, fmt.Errorf("connect to systemd: %w", err)
	}
	defer conn.Close() // nothing is under way on it
	kind, err := jobOf(ctx, conn, unit)
	if err != nil {
		return false, fmt.Errorf("look at the job of %s: %w", unit, err)
	}
	return kind == "stop" || kind == "restart" || kind == "try-restart", nil
}

// jobOf returns the type of the unit's job, empty if it has none.
func jobOf(ctx context.Context, conn *dbus.Conn, unit string) (string, error) {
	var path dbus.ObjectPath
	err := conn.Object(managerName, managerPath).CallWithContext(ctx, managerInterface+".GetUnit", 0, unit).Store(&path)
	if err != nil {
		return "", ignoreNamed(err, "org.freedesktop.systemd1.NoSuchUnit")
	}
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	if err := property(ctx, conn, path, "Unit", "Job", &job); err != nil || job.ID == 0 {
		return "", err
	}
	var kind string
	err = property(ctx, conn, job.Path, "Job", "JobType", &kind)
	// It may have ended between the two questions; then the unit's end was its work all the same, but nobody waits for it any more.
	return kind, ignoreNamed(err, "org.freedesktop.DBus.Error.UnknownObject")
}

func property(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath, kind, name string, value any) error {
	var v dbus.Variant
	err := conn.Object(managerName, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, "org.freedesktop.systemd1."+kind, name).Store(&v)
	if err != nil {
		return err
	}
	return v.Store(value)
}
