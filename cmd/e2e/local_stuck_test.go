package e2e_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalStuck stops containers that do not help: with a stopped monitor, frozen, deaf to the signal.
func TestLocalStuck(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("<1..4>"), "--set", "stop.timeout=2s", "--start")
	quick := l.name("q<1..3>")
	l.must(t, "create", quick, "--profile", "command", "--set", "command=[/bin/sh, -c, \"trap '' TERM; while :; do sleep 100; done\"]",
		"--set", "stop.timeout=1s", "--start")
	for _, test := range []struct {
		summary string
		n, verb string
	}{
		{"stop", "1", "stop"},
		{"kill", "2", "kill"},
		{"restart", "3", "restart"},
		{"stop of a command", "q1", "stop"},
	} {
		t.Run("stopped monitor: "+test.summary, func(t *testing.T) {
			monitor := l.monitor(test.n)
			if monitor == 0 || !l.hit(monitor, unix.SIGSTOP) {
				t.Fatalf("cannot stop the monitor %d", monitor)
			}
			if c := l.look(t, test.n); c.State != "running" {
				t.Errorf("with a stopped monitor: %+v", c)
			}
			begun := time.Now()
			l.must(t, test.verb, l.name(test.n))
			if took := time.Since(begun); took > hangs {
				t.Errorf("%s took %v", test.verb, took)
			}
			want := "stopped"
			if test.verb == "restart" {
				want = "running"
			}
			if c := l.look(t, test.n); c.State != want {
				t.Errorf("after %s: %+v", test.verb, c)
			}
		})
	}
	t.Run("deaf", func(t *testing.T) {
		l.must(t, "stop", l.name("q2"))
		if c := l.look(t, "q2"); c.State != "stopped" {
			t.Errorf("after stop: %+v", c)
		}
	})
	t.Run("exec and a stopped monitor", func(t *testing.T) {
		l.must(t, "start", l.name("2"))
		if !l.hit(l.monitor("2"), unix.SIGSTOP) {
			t.Fatal("cannot stop the monitor")
		}
		if r := l.run(t, "exec", l.name("2"), "--", "true"); r.Code != 0 && (r.Code != 125 || !strings.Contains(r.Stderr, "monitor")) {
			t.Errorf("exec: %+v", r)
		}
		l.must(t, "destroy", l.name("2"), "--yes", "--force")
	})
	t.Run("frozen", func(t *testing.T) { localFrozen(t, l) })
}

func localFrozen(t *testing.T, l *local) {
	for _, test := range []struct{ verb, want string }{
		{"thaw", "running"}, {"stop", "stopped"}, {"kill", "stopped"}, {"restart", "running"}, {"destroy", ""},
	} {
		t.Run(test.verb, func(t *testing.T) {
			l.must(t, "start", l.name("4"))
			l.must(t, "freeze", l.name("4"))
			l.must(t, "freeze", l.name("4"))
			if c := l.look(t, "4"); c.State != "frozen" {
				t.Errorf("after freeze: %+v", c)
			}
			if r := l.run(t, "start", l.name("4")); r.Code == 0 || !strings.Contains(r.Stderr, "thaw") {
				t.Errorf("start of a frozen container: %+v", r)
			}
			if r := l.run(t, "exec", l.name("4"), "--", "true"); r.Code != 125 || !strings.Contains(r.Stderr, "frozen") {
				t.Errorf("exec in a frozen container: %+v", r)
			}
			args := []string{test.verb, l.name("4")}
			if test.verb == "destroy" {
				args = append(args, "--yes", "--force")
			}
			begun := time.Now()
			l.must(t, args...)
			if took := time.Since(begun); took > hangs {
				t.Errorf("%s took %v", test.verb, took)
			}
			if c := l.look(t, "4"); c.State != test.want {
				t.Errorf("after %s: %+v, want %q", test.verb, c, test.want)
			}
		})
	}
}
