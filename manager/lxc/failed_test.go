package lxc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
)

func TestFailedUnits(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "system")
	started := h.start(t, rec)
	if err := started.Await(context.Background()); err != nil {
		t.Fatal(err)
	}
	live := started.Live
	within := func(d time.Duration) (uint32, error) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		return lxc.FailedUnits(ctx, live.Init)
	}
	if n, err := within(10 * time.Second); err != nil || n != 0 {
		t.Errorf("after the boot: %d, %v", n, err)
	}
	for i, unit := range []string{"a", "b"} {
		h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"systemd-run", "--quiet", "--wait", "--unit=" + unit, "false"}})
		if n, err := within(10 * time.Second); err != nil || n != uint32(i+1) {
			t.Errorf("with %d failed units: %d, %v", i+1, n, err)
		}
	}
	h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"systemctl", "stop", "systemd-logind.service", "dbus.service"}})
	if n, err := within(10 * time.Second); err == nil {
		t.Errorf("where no bus runs: %d", n)
	}
	if out, _ := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"systemctl", "is-active", "dbus.socket", "dbus.service"}}); out != "active\ninactive\n" {
		t.Errorf("the question has begun a bus: %q", out)
	}
	h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"systemctl", "start", "dbus.service"}})
	// The socket is the container's to replace.
	const mute = `unlink "/run/dbus/system_bus_socket"; my $s = IO::Socket::UNIX->new(Local => "/run/dbus/system_bus_socket", Listen => 1) or die;
		$| = 1; print "listens\n"; my $c = $s->accept; sleep`
	ctx, cancel := context.WithCancel(context.Background())
	said, ended := make(chan struct{}, 10), make(chan error, 1)
	go func() {
		_, err := h.program(t).Exec(ctx, lxc.Attach{Name: rec.Name, Argv: []string{"perl", "-MIO::Socket::UNIX", "-e", mute}},
			lxc.Streams{Out: writerFunc(func() { said <- struct{}{} }), Err: writerFunc(func() {})})
		said <- struct{}{}
		ended <- err
	}()
	<-said
	if n, err := within(100 * time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that does not answer: %d, %v", n, err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("what listens inside: %v", err)
	}
}

func TestFailedUnitsOfACommand(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	live := h.start(t, h.create(t, "command")).Live
	if n, err := lxc.FailedUnits(context.Background(), live.Init); err == nil {
		t.Errorf("a container without systemd has %d failed units", n)
	}
}
