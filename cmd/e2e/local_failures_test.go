package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalFailures: without systemd a command that fails is started again, whoever looks is told its status, and a stop by hand ends that. What
// has ended by itself is started by a restart, and what was stopped by hand is not.
func TestLocalFailures(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	runs := func() int {
		text, _ := os.ReadFile(filepath.Join(stateDir, "containers", l.name("fails"), "delta", "upper", "var", "runs"))
		return strings.Count(string(text), "run")
	}
	l.must(t, "create", l.name("fails"), "--profile", "command", "--start",
		"--set", `command=[/bin/sh, -c, "echo run >>/var/runs; sleep 0.2; exit 3"]`)
	until(t, "it runs for the fourth time", func() bool { return runs() >= 4 })
	until(t, "its status is told", func() bool {
		c := l.look(t, "fails")
		return c.State == "stopped" && strings.Contains(c.Reason, "status 3")
	})
	if got := l.must(t, "show", l.name("fails")); !strings.Contains(got, "status 3") {
		t.Errorf("show does not tell the status:\n%s", got)
	}
	l.must(t, "stop", l.name("fails"))
	until(t, "nobody waits to start it again", func() bool { return len(l.processes(l.binary+" _alone")) == 0 })
	before := runs()
	l.must(t, "restart", l.name("fails"))
	if c := l.look(t, "fails"); c.State != "stopped" || c.Reason != "" || runs() != before {
		t.Errorf("stopped by hand, it is %+v after a restart and has run %d times instead of %d", c, runs(), before)
	}
	l.must(t, "create", l.name("ends"), "--profile", "command", "--start", "--set", "restart=never")
	for range 2 {
		if !l.hit(l.look(t, "ends").PID, unix.SIGKILL) {
			t.Fatal("it does not run")
		}
		until(t, "it is stopped", func() bool { return l.look(t, "ends").State == "stopped" })
		l.must(t, "restart", l.name("ends"))
		if c := l.look(t, "ends"); c.State != "running" {
			t.Errorf("restarted after its end, it is %+v", c)
		}
	}
	if !l.hit(l.look(t, "ends").PID, unix.SIGKILL) {
		t.Fatal("it does not run")
	}
	until(t, "it is stopped", func() bool { return l.look(t, "ends").State == "stopped" })
	l.must(t, "stop", l.name("ends"))
	l.must(t, "restart", l.name("ends"))
	if c := l.look(t, "ends"); c.State != "stopped" {
		t.Errorf("ended, then stopped by hand, it is %+v after a restart", c)
	}
}
