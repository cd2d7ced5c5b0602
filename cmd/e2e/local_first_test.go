package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalFirstMinutes is what a new operator does first.
func TestLocalFirstMinutes(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	web := l.name("web<1..3>")
	l.must(t, "host", "init")
	if r := l.run(t, "doctor", "-o", "json"); r.Code != 0 || strings.Contains(r.Stdout, `"fails"`) {
		t.Errorf("doctor: %+v", r)
	}
	if got := l.must(t, "list"); !strings.Contains(got, "no containers") && got != "" {
		t.Errorf("list of nothing prints %q", got)
	}
	l.must(t, "create", web)
	if got, want := l.must(t, "list", "-o", "name"), strings.ReplaceAll("Pweb1\nPweb2\nPweb3", "P", l.prefix); got != want {
		t.Errorf("list -o name prints %q, want %q", got, want)
	}
	if got := l.must(t, "list"); strings.Count(got, "stopped") != 3 || !strings.HasPrefix(strings.ToLower(got), "name") {
		t.Errorf("list of three stopped containers prints\n%s", got)
	}
	l.must(t, "start", web)
	for _, c := range l.list(t) {
		if c.State != "running" || !c.Ready || c.PID == 0 || c.IDs == "" {
			t.Errorf("after start: %+v", c)
		}
	}
	t.Run("exec", func(t *testing.T) { localExec(t, l) })
	t.Run("exec on many", func(t *testing.T) { localExecMany(t, l, web) })
	t.Run("restart", func(t *testing.T) {
		before := l.look(t, "web1").PID
		l.must(t, "restart", l.name("web1"))
		if after := l.look(t, "web1"); after.PID == before || after.State != "running" || !after.Ready {
			t.Errorf("after a restart of %d: %+v", before, after)
		}
	})
	t.Run("stop", func(t *testing.T) {
		l.must(t, "stop", l.name("web2"))
		if c := l.look(t, "web2"); c.State != "stopped" {
			t.Errorf("after stop: %+v", c)
		}
		l.must(t, "restart", web)
		if c := l.look(t, "web2"); c.State != "stopped" {
			t.Errorf("a restart of all started what was stopped by hand: %+v", c)
		}
		if r := l.run(t, "exec", l.name("web2"), "--", "true"); r.Code != 125 || !strings.Contains(r.Stderr, "not running") {
			t.Errorf("exec in a stopped container: %+v", r)
		}
	})
	t.Run("destroy", func(t *testing.T) { localDestroy(t, l, web) })
}

func localExec(t *testing.T, l *local) {
	binary := string([]byte{0, 1, 0x1b, 0xff, '\r', '\n', 0x80})
	for _, test := range []struct {
		summary string
		input   string
		argv    []string
		code    int
		stdout  string
		stderr  string
	}{
		{summary: "output", argv: []string{"printf", "%s|", "a b", "", "$HOME"}, stdout: "a b||$HOME|"},
		{summary: "own status", argv: []string{"sh", "-c", "echo out; echo err >&2; exit 7"}, code: 7, stdout: "out\n", stderr: "err\n"},
		{summary: "not found", argv: []string{"/no/such/program"}, code: 127},
		{summary: "killed", argv: []string{"sh", "-c", "kill -9 $$"}, code: 137},
		{summary: "terminated", argv: []string{"sh", "-c", "kill -15 $$"}, code: 143},
		{summary: "input", input: "one\ntwo\n", argv: []string{"cat"}, stdout: "one\ntwo\n"},
		{summary: "binary both ways", input: strings.Repeat(binary, 20000), argv: []string{"cat"}, stdout: strings.Repeat(binary, 20000)},
		{summary: "input that nobody reads", input: strings.Repeat("x", 1<<20), argv: []string{"true"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			r := l.runInput(t, test.input, append([]string{"exec", l.name("web1"), "--"}, test.argv...)...)
			if r.Code != test.code || r.Stdout != test.stdout {
				t.Errorf("status %d with %d bytes %.80q, want %d with %d bytes; stderr %q", r.Code, len(r.Stdout), r.Stdout, test.code, len(test.stdout), r.Stderr)
			}
			if test.stderr != "" && r.Stderr != test.stderr {
				t.Errorf("stderr %q, want %q", r.Stderr, test.stderr)
			}
		})
	}
}

func localExecMany(t *testing.T, l *local, web string) {
	out := l.must(t, "exec", web, "--", "sh", "-c", "hostname; echo second")
	for i := 1; i <= 3; i++ {
		n := l.name(fmt.Sprint("web", i))
		if !strings.Contains(out+"\n", n+": "+n+"\n") || !strings.Contains(out+"\n", n+": second\n") {
			t.Errorf("no line of %s in\n%s", n, out)
		}
	}
	folded := l.must(t, "exec", web, "--fold", "--", "id", "-u")
	if want := l.name("web[1-3]") + " (3 containers):\n  0"; folded != want {
		t.Errorf("three identical outputs fold into\n%s\nwant\n%s", folded, want)
	}
	if r := l.run(t, "exec", web, "--", "sh", "-c", `case $(hostname) in *web2) exit 9;; esac`); r.Code != 9 {
		t.Errorf("one of three fails with 9: %+v", r)
	}
}

func localDestroy(t *testing.T, l *local, web string) {
	before := listing(t, stateDir)
	r := l.run(t, "destroy", web)
	if r.Code != 2 || !strings.Contains(r.Stderr, "would destroy") || !strings.Contains(r.Stderr, l.prefix) || !strings.Contains(r.Stderr, "--yes") {
		t.Errorf("destroy without --yes: %+v", r)
	}
	if after := listing(t, stateDir); len(after) != len(before) {
		t.Errorf("destroy without --yes changed %d paths to %d", len(before), len(after))
	}
	if r := l.run(t, "destroy", l.name("web1"), "--yes"); r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, "--force") {
		t.Errorf("destroy of a running container without --force: %+v", r)
	}
	l.must(t, "stop", web)
	l.must(t, "destroy", web, "--yes")
	if got := l.list(t); len(got) != 0 {
		t.Errorf("after destroy: %+v", got)
	}
	if left := l.leaks(t); len(left) > 0 {
		t.Errorf("after destroy: %q", left)
	}
}
