package systemd_test

import (
	"errors"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/sysctr/sysctr/systemd"
)

func TestStopAsked(t *testing.T) {
	t.Parallel()
	const unit = "sysctr@web1.service"
	for _, test := range []struct {
		summary, job string // the type of the unit's job; empty for none
		want         bool
	}{
		{summary: "it ended by itself"},
		{summary: "stop", job: "stop", want: true},
		{summary: "restart", job: "restart", want: true},
		{summary: "its start failed", job: "start"},
		{summary: "reload", job: "reload"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			b := newBus(t)
			fakeJob(b, unit, test.job)
			got, err := systemd.StopAsked(t.Context(), b.address, unit)
			if err != nil || got != test.want {
				t.Errorf("StopAsked = %v, %v, want %v", got, err, test.want)
			}
			if got, err := systemd.StopAsked(t.Context(), b.address, "sysctr@other.service"); err != nil || got {
				t.Errorf("of an unknown unit: %v, %v, want false", got, err)
			}
		})
	}
}

func TestStopAskedWithoutBus(t *testing.T) {
	t.Parallel()
	if _, err := systemd.StopAsked(t.Context(), "unix:path="+t.TempDir()+"/none", "sysctr@web1.service"); !errors.Is(err, systemd.ErrNoBus) {
		t.Errorf("the error is %v, want ErrNoBus", err)
	}
}

// fakeJob is a systemd that knows one unit and its job.
func fakeJob(b *bus, unit, kind string) {
	b.t.Helper()
	const at, unitAt, jobAt = "/org/freedesktop/systemd1", "/org/freedesktop/systemd1/unit/one", "/org/freedesktop/systemd1/job/7"
	conn := b.connect()
	var job struct {
		ID   uint32
		Path dbus.ObjectPath
	}
	job.Path = "/"
	if kind != "" {
		job.ID, job.Path = 7, jobAt
	}
	get := func(value any) map[string]any {
		return map[string]any{"Get": func(string, string) (dbus.Variant, *dbus.Error) { return dbus.MakeVariant(value), nil }}
	}
	find := func(name string) (dbus.ObjectPath, *dbus.Error) {
		if name != unit {
			return "", dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", []any{"no"})
		}
		return unitAt, nil
	}
	for _, object := range []struct {
		methods map[string]any
		path    dbus.ObjectPath
		iface   string
	}{
		{map[string]any{"GetUnit": find}, at, "org.freedesktop.systemd1.Manager"},
		{get(job), unitAt, "org.freedesktop.DBus.Properties"},
		{get(kind), jobAt, "org.freedesktop.DBus.Properties"},
	} {
		if err := conn.ExportMethodTable(object.methods, object.path, object.iface); err != nil {
			b.t.Fatal(err)
		}
	}
	own(b.t, conn, "org.freedesktop.systemd1")
}
