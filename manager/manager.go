package manager

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// Runtime starts containers where no service manager does. *lxc.Client is one.
type Runtime interface {
	// Start returns when the container is ready, see lxc.Client.
	Start(ctx context.Context, name string, started func()) error
	// Close waits until what was started has finished.
	Close() error
}

// Units is the service manager. Each call may be made from many lanes at once.
type Units interface {
	// Start, Stop and Restart return when the unit's job has ended.
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	// Adopt makes the units of new containers what their records say, and enabled if they start by themselves. Idempotent.
	Adopt(ctx context.Context, records []record.Record) error
	// Prepare is Adopt for containers that are about to start: whether their units are enabled is not touched.
	Prepare(ctx context.Context, records []record.Record) error
	// Forget takes back what Adopt did.
	Forget(ctx context.Context, names []string) error
}

// Config is what a Manager works with.
type Config struct {
	Dirs    lxc.Dirs
	Library profiles.Library
	Pool    idrange.Pool
	Binary  string // absolute path of sysctr itself, for starters
	Looker  string // the program that runs, for looking into containers and entering them: Binary may be another version by now, which answers otherwise
	Units   Units  // nil where systemd is not PID 1
	Etc     string // the operator's directory; /etc if empty
	Fabric  Fabric // the host's network; that of the kernel if nil
}

// Manager carries out verbs. Close it.
type Manager struct {
	Config
	host    lxc.Host
	store   record.Store
	locks   *record.Locks
	spawn   func() (Runtime, error)
	program *lxc.Program
}

// Open opens the state directory and the lock file; the host must have been prepared (Prepare), else it returns lxc.ErrNotPrepared.
func Open(c Config) (*Manager, error) {
	if _, err := os.Stat(c.Dirs.State); err != nil {
		return nil, fmt.Errorf("%w: %w", lxc.ErrNotPrepared, err)
	}
	if err := prepareRun(c.Dirs); err != nil {
		return nil, err
	}
	locks, err := record.OpenLocks(c.Dirs.Lock())
	if err != nil {
		return nil, err
	}
	host, err := lxc.OpenHost(c.Dirs)
	if err != nil {
		return nil, errors.Join(err, locks.Close())
	}
	if c.Etc == "" {
		c.Etc = "/etc"
	}
	if c.Fabric == nil {
		c.Fabric = kernel{}
	}
	m := &Manager{Config: c, host: host, store: record.Open(c.Dirs.State), locks: locks, program: lxc.NewProgram(c.Binary, c.Looker)}
	m.spawn = func() (Runtime, error) { return lxc.Spawn(c.Binary, c.Dirs, locks.File()) }
	return m, nil
}

// wires is the network of this manager's containers.
func (m *Manager) wires() wires { return wires{dirs: m.Dirs, etc: m.Etc, fabric: m.Fabric} }

// Close releases every lock.
func (m *Manager) Close() error {
	var errs []error
	for _, close := range []func() error{m.locks.Close, m.program.Close} {
		if err := close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
