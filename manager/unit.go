package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// Announce tells the service manager of a started container: its name, its monitor and init, whether it is ready.
type Announce func(ctx context.Context, container string, live record.Live) error

// worldPatience bounds how long a starter waits for a command that works on its container.
const worldPatience = time.Minute

// RunUnit starts one container as the main process of its unit, waits until it is ready, announces it and leaves: from then on the unit's
// main process is the monitor. It must run in a mount namespace of its own. A container that does not get ready in time is announced all the
// same and recorded as not ready: what to do about it is for whoever asked.
func RunUnit(ctx context.Context, d lxc.Dirs, binary, container string, announce Announce) error {
	return alone(ctx, lxc.Options{Dirs: d, Unit: true, Binary: binary}, container, func(s *lxc.Starter) error {
		started, err := s.Start(ctx, container)
		if err != nil {
			return err
		}
		if err := started.Await(ctx); err != nil && !started.Live.Init.Alive() {
			return err
		}
		return announce(ctx, container, started.Live)
	})
}

// RunStopped takes away what a container left when its unit ended, whoever ended it: systemd removes the groups of its own hierarchies only.
// asked says that the unit was told to stop; else the liveness file stays and tells of the end. It does nothing while a command works on
// the container, since that does the same when it is done.
func RunStopped(ctx context.Context, d lxc.Dirs, container string, asked bool) error {
	host, err := lxc.OpenHost(d)
	if err != nil {
		return err
	}
	locks, err := record.OpenLocks(d.Lock())
	if err != nil {
		return err
	}
	defer locks.Close() // releases the lock, as the end of the process would
	if err := locks.Try(container, record.World); err != nil {
		if errors.Is(err, record.ErrBusy) {
			return nil
		}
		return err
	}
	return host.Leave(ctx, container, asked)
}

// RunAgain starts a container again that has rebooted from inside or failed, where no unit does it: at once, and after ever longer pauses where
// its runs are short. monitor is the process that asked. It does nothing if the container was stopped, restarted or destroyed meanwhile.
func RunAgain(ctx context.Context, d lxc.Dirs, binary, container string) error {
	host, err := lxc.OpenHost(d)
	if err != nil {
		return err
	}
	before, err := host.Live.Load(container)
	if err != nil {
		return fmt.Errorf("nothing to start again: %w", err)
	}
	if err := ended(ctx, before.Monitor); err != nil {
		return err
	}
	tries := 0
	if time.Since(before.Started) < shortRun {
		tries = before.Tries + 1
	}
	asItWas := func() bool {
		now, err := host.Live.Load(container)
		return err == nil && now.Monitor == before.Monitor && now.Phase == record.PhaseRunning
	}
	for end := time.Now().Add(backOff(tries)); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if !asItWas() { // somebody has taken it in hand, who need not find us waiting
			return nil
		}
	}
	return alone(ctx, lxc.Options{Dirs: d, Binary: binary, Tries: tries}, container, func(s *lxc.Starter) error {
		if !asItWas() {
			return nil
		}
		started, err := s.Start(ctx, container)
		if err != nil {
			return err
		}
		return started.Await(ctx)
	})
}

// shortRun is how long a container must have run for its end not to count as a failure to start.
const shortRun = time.Minute

// backOff is the pause before a container is started again: none after a long run or a first short one, then twice the last one.
func backOff(tries int) time.Duration {
	if tries < 2 {
		return 0
	}
	return min(100*time.Millisecond<<min(tries, 10), time.Minute)
}

// ended waits for the monitor's end.
func ended(ctx context.Context, monitor alive.Process) error {
	handle, err := monitor.Open()
	if err != nil {
		return ignoreGone(err)
	}
	defer handle.Close()
	waiting, cancel := context.WithTimeout(ctx, worldPatience)
	defer cancel()
	return handle.Wait(waiting)
}

// alone runs f with a starter and the container's World lock.
func alone(ctx context.Context, o lxc.Options, container string, f func(*lxc.Starter) error) (err error) {
	if err := prepareRun(o.Dirs); err != nil {
		return err
	}
	locks, err := record.OpenLocks(o.Dirs.Lock())
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, worldPatience)
	defer cancel()
	if err := locks.Acquire(waiting, container, record.World); err != nil {
		return busy(err)
	}
	defer locks.Release(container, record.World) //nolint:errcheck // the end of the process releases it anyway
	o.Generation, o.Network = present(o.Dirs), newLinker(o.Dirs).links
	starter, err := lxc.NewStarter(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, starter.Close()) }()
	return f(starter)
}

// Serve runs a batch starter on the process's standard streams, for lxc.Spawn.
func Serve(ctx context.Context, d lxc.Dirs, binary string, workers int) (err error) {
	starter, err := lxc.NewStarter(lxc.Options{Dirs: d, Binary: binary, Generation: present(d), Network: newLinker(d).links})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, starter.Close()) }()
	return starter.Serve(ctx, os.Stdin, os.Stdout, workers)
}
