package e2e_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLookConsole sits down at consoles.
func TestLookConsole(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("cmd"), "--profile", "command", "--set", "command=[/bin/sh, -i]", "--start")
	l.must(t, "create", l.name("sys"), "--start")
	t.Run("talk and leave", func(t *testing.T) {
		s := l.sit(t, "console", l.name("cmd"))
		s.sees("Ctrl-]")
		s.until("echo $((40+2))is", "42is")
		other := l.sit(t, "console", l.name("cmd"))
		if code := other.end(); code != 125 || !strings.Contains(other.text(), "somebody else") {
			t.Errorf("a second one at the console ends with %d: %s", code, other.text())
		}
		s.enter("\x1d")
		if code := s.end(); code != 0 {
			t.Errorf("Ctrl-] ends it with %d: %s", code, s.text())
		}
		if c := l.look(t, "cmd"); c.State != "running" {
			t.Errorf("after leaving: %+v", c)
		}
		if got := l.must(t, "logs", l.name("cmd")); !strings.Contains(got, "42is") {
			t.Errorf("what was said at the console is not kept: %q", got)
		}
	})
	t.Run("the container ends", func(t *testing.T) {
		s := l.sit(t, "console", l.name("cmd"))
		s.sees("Ctrl-]")
		s.until("echo $((40+3))is", "43is")
		s.enter("exit\n")
		if code := s.end(); code != 0 {
			t.Errorf("the end of the container ends it with %d: %s", code, s.text())
		}
	})
	t.Run("a stopped monitor", func(t *testing.T) {
		if !l.hit(l.monitor("sys"), unix.SIGSTOP) {
			t.Fatal("cannot stop the monitor")
		}
		s := l.sit(t, "console", l.name("sys"))
		if code := s.end(); code != 125 || !strings.Contains(s.text(), "kill -CONT") {
			t.Errorf("it ends with %d: %s", code, s.text())
		}
		if !l.hit(l.monitor("sys"), unix.SIGCONT) {
			t.Fatal("cannot continue the monitor")
		}
		s = l.sit(t, "console", l.name("sys"))
		s.sees("Ctrl-]")
		l.sh(t, "sys", "echo to-console >/dev/console")
		s.sees("to-console")
		s.enter("\x1d")
		if code := s.end(); code != 0 {
			t.Errorf("it ends with %d: %s", code, s.text())
		}
	})
	t.Run("refused", func(t *testing.T) {
		if r := l.run(t, "console", l.name("sys")); r.Code != 125 || !strings.Contains(r.Stderr, "needs a terminal") {
			t.Errorf("without a terminal: %+v", r)
		}
		for _, target := range []string{"all", l.name("cmd"), l.name("nobody")} {
			s := l.sit(t, "console", target)
			if code := s.end(); code != 125 {
				t.Errorf("console %s ends with %d: %s", target, code, s.text())
			}
		}
	})
}
