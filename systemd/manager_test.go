package systemd_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// job is a job that the fake manager has queued.
type job struct {
	id   uint32
	verb string
	unit string
}

// manager is the far side of the wire: a small org.freedesktop.systemd1. Jobs end when the test says so, or at once if early says how.
type manager struct {
	bus  *bus
	conn *dbus.Conn
	jobs chan job

	mu      sync.Mutex
	early   func(unit string) string
	last    uint32
	calls   []string
	refuse  map[string]string                           // unit -> name of the error that answers any call for it
	service map[dbus.ObjectPath]map[string]dbus.Variant // properties by object
	loaded  map[string]string                           // unit -> active state
	enabled map[string]bool
}

func newManager(b *bus) *manager {
	m := &manager{
		bus: b, jobs: make(chan job, 1000),
		refuse: map[string]string{}, service: map[dbus.ObjectPath]map[string]dbus.Variant{},
		loaded: map[string]string{}, enabled: map[string]bool{},
	}
	m.serve()
	return m
}

// serve takes systemd's name on a new connection, and gives an older one up first.
func (m *manager) serve() {
	m.bus.t.Helper()
	if m.conn != nil {
		m.conn.Close()
	}
	m.conn = m.bus.connect()
	methods := map[string]any{
		"Subscribe":       func() *dbus.Error { return nil },
		"StartUnit":       func(unit, mode string) (dbus.ObjectPath, *dbus.Error) { return m.enqueue("start", unit, mode) },
		"StopUnit":        func(unit, mode string) (dbus.ObjectPath, *dbus.Error) { return m.enqueue("stop", unit, mode) },
		"RestartUnit":     func(unit, mode string) (dbus.ObjectPath, *dbus.Error) { return m.enqueue("restart", unit, mode) },
		"ResetFailedUnit": func(unit string) *dbus.Error { return m.record("reset "+unit, unit) },
		"Reload":          func() *dbus.Error { return m.record("reload", "") },
		"EnableUnitFiles": m.enable, "DisableUnitFiles": m.disable, "ListUnitsByNames": m.list,
	}
	m.export(methods, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
	properties := map[string]any{"GetAll": m.getAll, "Get": m.get}
	if err := m.conn.ExportSubtreeMethodTable(properties, "/org/freedesktop/systemd1/unit", "org.freedesktop.DBus.Properties"); err != nil {
		m.bus.t.Fatal(err)
	}
	own(m.bus.t, m.conn, "org.freedesktop.systemd1")
}

func own(t *testing.T, conn *dbus.Conn, name string) {
	t.Helper()
	if reply, err := conn.RequestName(name, 0); err != nil || reply == dbus.RequestNameReplyExists {
		t.Fatalf("own %s: %v %v", name, reply, err)
	}
}

func (m *manager) export(methods map[string]any, path dbus.ObjectPath, iface string) {
	if err := m.conn.ExportMethodTable(methods, path, iface); err != nil {
		m.bus.t.Fatal(err)
	}
}

// answer makes every job end before the answer to its call, as result says.
func (m *manager) answer(result func(unit string) string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.early = result
}

func (m *manager) refusing(unit, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse[unit] = name
}

func (m *manager) load(unit, active string, properties map[string]any) {
	m.describe(unit, properties)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loaded[unit] = active
}

func (m *manager) record(call, unit string) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, call)
	if name, bad := m.refuse[unit]; bad {
		return dbus.NewError(name, []any{"no"})
	}
	return nil
}

func (m *manager) called() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.calls...)
}

func (m *manager) enqueue(verb, unit, mode string) (dbus.ObjectPath, *dbus.Error) {
	if err := m.record(verb+" "+unit+" "+mode, unit); err != nil {
		return "", err
	}
	m.mu.Lock()
	m.last++
	j, early := job{m.last, verb, unit}, m.early
	m.mu.Unlock()
	if early != nil {
		m.finish(j, early(unit))
	} else {
		m.jobs <- j
	}
	return j.path(), nil
}

func (j job) path() dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("/org/freedesktop/systemd1/job/%d", j.id))
}

func (m *manager) finish(j job, result string) { m.emit(m.conn, j, result) }

func (m *manager) emit(conn *dbus.Conn, j job, result string) {
	err := conn.Emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager.JobRemoved", j.id, j.path(), j.unit, result)
	if err != nil {
		m.bus.t.Errorf("emit: %v", err)
	}
}

// next waits for a job to be queued.
func (m *manager) next() job {
	m.bus.t.Helper()
	select {
	case j := <-m.jobs:
		return j
	case <-time.After(time.Minute):
		m.bus.t.Fatal("no job was queued in a minute")
		return job{}
	}
}

func (m *manager) enable(units []string, runtime, force bool) (bool, []change, *dbus.Error) {
	for _, unit := range units {
		if err := m.record(fmt.Sprintf("enable %s runtime=%v force=%v", unit, runtime, force), unit); err != nil {
			return false, nil, err
		}
	}
	return true, m.link(units, true), nil
}

func (m *manager) disable(units []string, runtime bool) ([]change, *dbus.Error) {
	for _, unit := range units {
		if err := m.record(fmt.Sprintf("disable %s runtime=%v", unit, runtime), unit); err != nil {
			return nil, err
		}
	}
	return m.link(units, false), nil
}

type change struct{ Type, Name, Destination string }

func (m *manager) link(units []string, want bool) []change {
	m.mu.Lock()
	defer m.mu.Unlock()
	changes := []change{}
	for _, unit := range units {
		if m.enabled[unit] != want {
			m.enabled[unit] = want
			changes = append(changes, change{"symlink", unit, "x"})
		}
	}
	return changes
}

type listed struct {
	Name, Description, Load, Active, Sub, Followed string
	Path                                           dbus.ObjectPath
	JobID                                          uint32
	JobType                                        string
	JobPath                                        dbus.ObjectPath
}

func (m *manager) list(names []string) ([]listed, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	units := []listed{}
	for _, name := range names {
		if active, ok := m.loaded[name]; ok {
			units = append(units, listed{Name: name, Load: "loaded", Active: active, Sub: "x", Path: "/x", JobPath: "/"})
		}
	}
	return units, nil
}

func (m *manager) getAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	if properties, ok := m.service[path]; ok {
		return properties, nil
	}
	return nil, dbus.NewError("org.freedesktop.systemd1.NoSuchUnit", nil)
}

func (m *manager) get(msg dbus.Message, iface, property string) (dbus.Variant, *dbus.Error) {
	properties, err := m.getAll(msg, iface)
	if err != nil {
		return dbus.Variant{}, err
	}
	value, ok := properties[property]
	if !ok {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.UnknownInterface", nil)
	}
	return value, nil
}

// describe sets the properties of a unit.
func (m *manager) describe(unit string, properties map[string]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	variants := make(map[string]dbus.Variant)
	for name, value := range properties {
		variants[name] = dbus.MakeVariant(value)
	}
	var path strings.Builder
	path.WriteString("/org/freedesktop/systemd1/unit/")
	for _, b := range []byte(unit) {
		if '0' <= b && b <= '9' && path.Len() > 31 || 'a' <= b && b <= 'z' {
			path.WriteByte(b)
		} else {
			fmt.Fprintf(&path, "_%02x", b)
		}
	}
	m.service[dbus.ObjectPath(path.String())] = variants
}
