package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	client "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

const (
	managerName      = "org.freedesktop.systemd1"
	managerPath      = "/org/freedesktop/systemd1"
	managerInterface = "org.freedesktop.systemd1.Manager"
)

// Conn is a connection to the service manager. Its methods may be used by several goroutines at once. Whoever dials it closes it.
type Conn struct {
	manager *client.Conn
	// signals is the second of the client's two connections. The client drops job results beyond a buffer of a hundred, never tells
	// its waiters that the bus is gone, and believes every sender; so results are read here and not through it.
	signals *dbus.Conn
}

// Dial connects to the service manager over the message bus at address, in the form of the D-Bus specification; empty means the system
// bus. The context bounds the dialling only. A bus that cannot be reached is ErrNoBus.
func Dial(ctx context.Context, address string) (*Conn, error) {
	c := &Conn{}
	manager, err := client.NewConnection(func() (*dbus.Conn, error) {
		conn, err := dial(ctx, address)
		c.signals = conn
		return conn, err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	c.manager = manager
	// The client has asked the bus for job results, unacknowledged, on the same connection: the answer to this call proves that it is done.
	if err := c.signals.Object(managerName, managerPath).CallWithContext(ctx, managerInterface+".Subscribe", 0).Err; err != nil {
		err = fmt.Errorf("subscribe to systemd: %w", c.lost(err))
		c.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the connection. Jobs that are still running go on; whoever waits for them is told ErrLost.
func (c *Conn) Close() {
	c.manager.Close()
}

// dial opens one connection that outlives the context.
func dial(ctx context.Context, address string) (*dbus.Conn, error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	giveUp := context.AfterFunc(ctx, end)
	conn, err := connect(address, dbus.WithContext(life), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if !giveUp() && err == nil {
		err = errors.Join(context.Cause(ctx), conn.Close())
	}
	if err != nil {
		end()
		return nil, unreachable(ctx, err)
	}
	// The connection ends its context with itself; this only frees what watches it.
	context.AfterFunc(conn.Context(), end)
	return conn, nil
}

func connect(address string, options ...dbus.ConnOption) (*dbus.Conn, error) {
	// By number: a look-up of the user's name may itself need the bus.
	options = append(options, dbus.WithAuth(dbus.AuthExternal(strconv.Itoa(os.Geteuid()))))
	if address == "" {
		return dbus.ConnectSystemBus(options...)
	}
	return dbus.Connect(address, options...)
}

func unreachable(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("%w: %v; is the package dbus installed and dbus.service active?", ErrNoBus, err)
	}
	return err
}

// lost gives an error its name if the reason is that the connection has ended.
func (c *Conn) lost(err error) error {
	if err != nil && !c.manager.Connected() {
		return fmt.Errorf("%w: %v", ErrLost, err)
	}
	return err
}

// named is true if err is a D-Bus error with one of these names.
func named(err error, names ...string) bool {
	var remote dbus.Error
	if !errors.As(err, &remote) {
		return false
	}
	for _, name := range names {
		if remote.Name == name {
			return true
		}
	}
	return false
}
