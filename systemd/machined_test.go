package systemd_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/sysctr/sysctr/systemd"
)

// machined is a small org.freedesktop.machine1.
type machined struct {
	mu       sync.Mutex
	machines map[string]string
	calls    []string
	// leave, if set, ends this connection at the first call, as a machined does that is idle.
	leave *dbus.Conn
}

// serve takes machined's name on a new connection, or waits in line for it.
func (m *machined) serve(b *bus) *dbus.Conn {
	b.t.Helper()
	conn := b.connect()
	methods := map[string]any{"UnregisterMachine": m.unregister, "RegisterMachineWithNetwork": m.register}
	if err := conn.ExportMethodTable(methods, "/org/freedesktop/machine1", "org.freedesktop.machine1.Manager"); err != nil {
		b.t.Fatal(err)
	}
	own(b.t, conn, "org.freedesktop.machine1")
	return conn
}

// note records a call and says whether it may be answered.
func (m *machined) note(call string) bool {
	m.calls = append(m.calls, call)
	if m.leave == nil {
		return true
	}
	m.leave.Close()
	m.leave = nil
	return false
}

func (m *machined) unregister(name string) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.note("unregister " + name) {
		return nil
	}
	if _, ok := m.machines[name]; !ok {
		return dbus.NewError("org.freedesktop.machine1.NoSuchMachine", nil)
	}
	delete(m.machines, name)
	return nil
}

func (m *machined) register(
	name string, id []byte, service, class string, leader uint32, root string, interfaces []int32,
) (dbus.ObjectPath, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.note("register " + name) {
		return "/", nil
	}
	if _, ok := m.machines[name]; ok {
		return "/", dbus.NewError("org.freedesktop.machine1.MachineExists", nil)
	}
	m.machines[name] = fmt.Sprintf("%x %s %s %d %s %v", id, service, class, leader, root, interfaces)
	return "/org/freedesktop/machine1/machine/x", nil
}

func (m *machined) machine(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.machines[name]
}

func dialMachined(b *bus) *systemd.Machined {
	b.t.Helper()
	conn, err := systemd.DialMachined(b.t.Context(), b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	return conn
}

func TestRegister(t *testing.T) {
	b := newBus(t)
	m := &machined{machines: map[string]string{"web2": "left by the run before"}}
	m.serve(b)
	c := dialMachined(b)
	for _, name := range []string{"web1", "web2", "web2"} {
		machine := systemd.Machine{Name: name, ID: [16]byte{15: 0xab}, Leader: 77, Root: "/run/x", Interfaces: []int{3, 4}}
		if err := c.Register(t.Context(), machine); err != nil {
			t.Fatalf("register %s: %v", name, err)
		}
		const want = "000000000000000000000000000000ab sysctr container 77 /run/x [3 4]"
		if got := m.machine(name); got != want {
			t.Errorf("machine = %q, want %q", got, want)
		}
	}
	for range 2 {
		if err := c.Unregister(t.Context(), "web1"); err != nil {
			t.Errorf("unregister: %v", err)
		}
	}
	if err := c.Register(t.Context(), systemd.Machine{Name: "web3"}); !errors.Is(err, systemd.ErrSetting) {
		t.Errorf("register without a leader: %v", err)
	}
}

func TestMachinedThatLeavesIsCalledAgain(t *testing.T) {
	b := newBus(t)
	m := &machined{machines: map[string]string{}}
	first := m.serve(b)
	m.mu.Lock()
	m.leave = first
	m.mu.Unlock()
	m.serve(b)
	c := dialMachined(b)
	if err := c.Register(t.Context(), systemd.Machine{Name: "web1", Leader: 77}); err != nil {
		t.Fatalf("register: %v", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if want := []string{"unregister web1", "unregister web1", "register web1"}; !slices.Equal(m.calls, want) {
		t.Errorf("calls = %q, want %q", m.calls, want)
	}
}

func TestHostWithoutMachined(t *testing.T) {
	b := newBus(t)
	c := dialMachined(b)
	if err := c.Register(t.Context(), systemd.Machine{Name: "web1", Leader: 77}); !errors.Is(err, systemd.ErrNoMachined) {
		t.Errorf("register: %v, want ErrNoMachined", err)
	}
	if err := c.Unregister(t.Context(), "web1"); !errors.Is(err, systemd.ErrNoMachined) {
		t.Errorf("unregister: %v, want ErrNoMachined", err)
	}
	if _, err := systemd.DialMachined(t.Context(), "unix:path="+t.TempDir()+"/none"); !errors.Is(err, systemd.ErrNoMachined) {
		t.Errorf("dial: %v, want ErrNoMachined", err)
	}
}
