package lxc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/systemd/ask"
)

// FailedUnits asks the systemd of a container how many of its units have failed. It does not enter the container, which costs some ten times as
// much, but asks over the message bus inside: systemd's own socket answers none who has no process id there. A bus that does not run is not
// begun by that. ctx bounds it. Where there is no such bus, or no systemd, there is an error.
func FailedUnits(ctx context.Context, init alive.Process) (uint32, error) {
	type answer struct {
		failed uint32
		err    error
	}
	answered := make(chan answer, 1)
	go func() { // a path of the container may lead to a filesystem that hangs: then this goroutine is lost, and nobody waits for it
		failed, err := askFailed(ctx, init)
		answered <- answer{failed, err}
	}()
	select {
	case a := <-answered:
		return a.failed, a.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

func askFailed(ctx context.Context, init alive.Process) (uint32, error) {
	if err := busRuns(init); err != nil {
		return 0, err
	}
	socket, err := inside(init, "/run/dbus/system_bus_socket", unix.O_PATH)
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	var dialer net.Dialer
	bus, err := dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d", socket.Fd()))
	if err != nil {
		return 0, fmt.Errorf("talk to the container's message bus: %w", err)
	}
	defer bus.Close()
	stop := context.AfterFunc(ctx, func() { _ = bus.Close() })
	defer stop()
	failed, err := ask.Number(bus, seenAs(init), "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "NFailedUnits")
	if err != nil {
		return 0, fmt.Errorf("ask the container's systemd for failed units: %w", err)
	}
	return failed, nil
}

// busRuns looks for what systemd keeps of a service that is active: to connect to the socket of one that is not begins it.
func busRuns(init alive.Process) error {
	var errs []error
	for _, service := range []string{"dbus", "dbus-broker"} {
		mark, err := inside(init, "/run/systemd/units/invocation:"+service+".service", unix.O_PATH|unix.O_NOFOLLOW)
		if err == nil {
			return mark.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// seenAs is the user that a container sees where it talks to us: root, or what its user namespace shows for who it does not map, see
// user_namespaces(7).
func seenAs(init alive.Process) string {
	own, err := os.Readlink("/proc/self/ns/user")
	its, itsErr := os.Readlink(fmt.Sprintf("/proc/%d/ns/user", init.PID))
	if errors.Join(err, itsErr) == nil && own == its {
		return "0"
	}
	text, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return "65534"
	}
	return strings.TrimSpace(string(text))
}
