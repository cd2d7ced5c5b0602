package systemd

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

const (
	machinedName      = "org.freedesktop.machine1"
	machinedPath      = "/org/freedesktop/machine1"
	machinedInterface = "org.freedesktop.machine1.Manager"
)

// Machine is a container as systemd-machined(8) knows it.
type Machine struct {
	// Name is the container's name.
	Name string
	// ID is its machine-id(5).
	ID [16]byte
	// Leader is the pid of the container's init, as the host sees it.
	Leader int
	// Root is the container's root directory on the host, empty if it has no path there.
	Root string
	// Interfaces are the indexes of the network interfaces that lead into it, on the host.
	Interfaces []int
}

// Machined is a connection to systemd-machined, which the bus starts when it is called. Whoever dials it closes it.
type Machined struct {
	conn *dbus.Conn
}

// DialMachined connects to machined; address and context are as for Dial. Without a bus there is ErrNoMachined.
func DialMachined(ctx context.Context, address string) (*Machined, error) {
	conn, err := dial(ctx, address)
	if errors.Is(err, ErrNoBus) {
		return nil, fmt.Errorf("%w: %v", ErrNoMachined, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to machined: %w", err)
	}
	return &Machined{conn: conn}, nil
}

// Close ends the connection; machines stay registered.
func (m *Machined) Close() error {
	return m.conn.Close()
}

// Register makes the container known to machinectl, loginctl and nss-mymachines. It replaces an entry of the same name: after a reboot
// from inside there is one, of the run before. machined forgets the entry when the container's unit stops. A host without machined is
// ErrNoMachined, which is no reason to stop a start.
func (m *Machined) Register(ctx context.Context, machine Machine) error {
	if machine.Name == "" || machine.Leader <= 0 {
		return fmt.Errorf("register machine %q with leader %d: %w", machine.Name, machine.Leader, ErrSetting)
	}
	err := m.replace(ctx, machine)
	if noReply(err) {
		err = m.replace(ctx, machine)
	}
	if err != nil {
		return fmt.Errorf("register with machined: %w", err)
	}
	return nil
}

// Unregister forgets the container name; one that machined does not know is forgotten already.
func (m *Machined) Unregister(ctx context.Context, name string) error {
	err := m.forget(ctx, name)
	if noReply(err) {
		err = m.forget(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("unregister from machined: %w", err)
	}
	return nil
}

func (m *Machined) replace(ctx context.Context, machine Machine) error {
	if err := m.forget(ctx, machine.Name); err != nil {
		return err
	}
	interfaces := make([]int32, 0, len(machine.Interfaces))
	for _, index := range machine.Interfaces {
		interfaces = append(interfaces, int32(index))
	}
	return m.call(ctx, "RegisterMachineWithNetwork", machine.Name, machine.ID[:], "sysctr", "container",
		uint32(machine.Leader), machine.Root, interfaces)
}

func (m *Machined) forget(ctx context.Context, name string) error {
	return ignoreNamed(m.call(ctx, "UnregisterMachine", name), "org.freedesktop.machine1.NoSuchMachine")
}

func (m *Machined) call(ctx context.Context, method string, args ...any) error {
	err := m.conn.Object(machinedName, machinedPath).CallWithContext(ctx, machinedInterface+"."+method, 0, args...).Err
	if named(err, "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.ServiceNotFound", "org.freedesktop.systemd1.NoSuchUnit", "org.freedesktop.systemd1.UnitMasked") {
		return fmt.Errorf("%w: %v", ErrNoMachined, err)
	}
	return err
}

// noReply is true if machined went away between the call and its answer. It ends itself when idle, and a call may arrive just then; the
// next one starts it again.
func noReply(err error) bool {
	return named(err, "org.freedesktop.DBus.Error.NoReply")
}
