package systemd_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/systemd"
)

func TestCancelEndsTheWaitAndNotTheJobs(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	ctx, cancel := context.WithCancel(t.Context())
	reports := begin(ctx, c.Start, "sysctr@b.service", "sysctr@a.service", "sysctr@ends.service")
	m.next()
	m.next()
	m.finish(m.next(), "done")
	if r := <-reports; r.unit != "sysctr@ends.service" || r.err != nil {
		t.Fatalf("first report = %v", r)
	}
	cancel()
	for _, unit := range []string{"sysctr@a.service", "sysctr@b.service"} {
		if r := <-reports; r.unit != unit || !errors.Is(r.err, context.Canceled) {
			t.Errorf("report = %v, want that the wait for %s was canceled", r, unit)
		}
	}
	for _, call := range m.called() {
		if strings.HasPrefix(call, "stop") {
			t.Errorf("the wait was canceled, and %q called", call)
		}
	}
	again := begin(t.Context(), c.Start, "sysctr@a.service")
	m.finish(m.next(), "done")
	if r := <-again; r.err != nil {
		t.Errorf("start on the same connection: %v", r.err)
	}
}

func TestBusThatDies(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	reports := begin(t.Context(), c.Start, "sysctr@a.service", "sysctr@b.service")
	m.next()
	m.next()
	b.kill()
	for r := range reports {
		if !errors.Is(r.err, systemd.ErrLost) {
			t.Errorf("waiting for %s: %v, want ErrLost", r.unit, r.err)
		}
	}
	for r := range begin(t.Context(), c.Start, "sysctr@a.service") {
		if !errors.Is(r.err, systemd.ErrLost) {
			t.Errorf("start without a bus: %v, want ErrLost", r.err)
		}
	}
	if err := c.Reload(t.Context()); !errors.Is(err, systemd.ErrLost) {
		t.Errorf("reload without a bus: %v, want ErrLost", err)
	}
	if _, err := systemd.Dial(t.Context(), b.address); !errors.Is(err, systemd.ErrNoBus) {
		t.Errorf("dial without a bus: %v, want ErrNoBus", err)
	}
}

func TestForgedResultIsNotBelieved(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	reports := begin(t.Context(), c.Start, "sysctr@a.service")
	j := m.next()
	stranger := b.connect()
	m.emit(stranger, j, "done")
	b.settle(stranger)
	m.finish(j, "failed")
	var failure *systemd.JobError
	if r := <-reports; !errors.As(r.err, &failure) {
		t.Errorf("result = %v, want the manager's and not the stranger's", r.err)
	}
}

func TestManagerThatExecutesItselfAnew(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	reports := begin(t.Context(), c.Start, "sysctr@a.service", "sysctr@b.service")
	first, second := m.next(), m.next()
	m.finish(first, "done")
	b.settle(m.conn)
	m.serve()
	m.finish(second, "done")
	if got := text(reports); !slices.Equal(got, []string{"sysctr@a.service: <nil>", "sysctr@b.service: <nil>"}) {
		t.Errorf("reports = %q", got)
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	b := newBus(t)
	newManager(b)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := systemd.Dial(ctx, b.address); !errors.Is(err, context.Canceled) {
		t.Errorf("dial: %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	c, err := systemd.Dial(ctx, b.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if err := c.Reload(t.Context()); err != nil {
		t.Errorf("the connection ended with the context that dialled it: %v", err)
	}
}
