package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalPairs runs two commands on one name at the same time: one does it, the other is told busy or finds it done.
func TestLocalPairs(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	n := l.name("pair")
	create := []string{"create", n, "--profile", "command", "--set", "command=[/bin/sleep, infinity]"}
	const busy = 6
	for round := range 10 {
		for _, test := range []struct {
			args  []string
			other []int // exit statuses besides 0 and busy that the second may have
			state string
		}{
			{args: create, state: "stopped"},
			{args: []string{"start", n}, state: "running"},
			{args: []string{"restart", n}, state: "running"},
			{args: []string{"stop", n}, state: "stopped"},
			{args: []string{"destroy", n, "--yes"}, other: []int{4}},
		} {
			first, second := l.begin(t, test.args...), l.begin(t, test.args...)
			a, said := first.end()
			b, alsoSaid := second.end()
			allowed := append([]int{0, busy}, test.other...)
			if a != 0 && b != 0 || !slices.Contains(allowed, a) || !slices.Contains(allowed, b) {
				t.Fatalf("round %d: %q twice at the same time: %d and %d\n%s\n%s", round, test.args, a, b, said, alsoSaid)
			}
			if c := l.look(t, "pair"); c.State != test.state {
				t.Errorf("round %d: after %q twice: %+v, want %q", round, test.args, c, test.state)
			}
		}
	}
	for round := range 10 {
		l.must(t, create...)
		starting := l.begin(t, "start", n)
		if round%2 == 1 {
			until(t, "the start is under way", func() bool { return l.live("pair").Phase != "" })
		}
		destroying := l.begin(t, "destroy", n, "--yes", "--force")
		a, said := starting.end()
		b, alsoSaid := destroying.end()
		state := l.look(t, "pair").State
		t.Logf("start and destroy --force: %d and %d, then %q", a, b, state)
		if (state == "") != (b == 0) || b != 0 && (a != 0 || b != busy) || state != "" && state != "running" {
			t.Errorf("start and destroy at the same time: %d and %d, then %q\n%s\n%s", a, b, state, said, alsoSaid)
		}
		if state != "" {
			l.must(t, "destroy", n, "--yes", "--force")
		}
	}
}

// TestLocalCrowd makes 30 containers by 30 commands at the same time: no range of ids is given out twice.
func TestLocalCrowd(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	const crowd = 30
	var commands []*running
	for i := range crowd {
		commands = append(commands, l.begin(t, "create", l.name(fmt.Sprint("c", i))))
	}
	for _, c := range commands {
		if code, said := c.end(); code != 0 {
			t.Errorf("%q: exit status %d: %s", c.Args, code, said)
		}
	}
	ranges := map[string]string{}
	for _, c := range l.list(t) {
		if other, taken := ranges[c.IDs]; taken || c.IDs == "" {
			t.Errorf("%s and %s have the ids %q", c.Name, other, c.IDs)
		}
		ranges[c.IDs] = c.Name
	}
	if len(ranges) != crowd {
		t.Errorf("%d ranges for %d containers", len(ranges), crowd)
	}
}

// TestLocalInterrupt presses Ctrl-C while 20 containers are made and started: 130, and the same command finishes.
func TestLocalInterrupt(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	args := []string{"create", l.name("i<1..20>"), "--start"}
	for _, test := range []struct {
		summary string
		when    func() bool
	}{
		{"the first record", func() bool { return len(l.containers(t)) > 0 }},
		{"the first start", func() bool { return l.live("i1").Phase == "starting" }},
		{"the first that runs", func() bool { return l.live("i1").Phase == "running" }},
		{"the last start", func() bool { return l.live("i20").Phase != "" }},
	} {
		t.Run(test.summary, func(t *testing.T) {
			c := l.begin(t, args...)
			until(t, test.summary, test.when)
			if err := c.Process.Signal(unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			code, said := c.end()
			if code != 130 || !strings.Contains(said, "same command again") {
				t.Errorf("interrupted: exit status %d: %s", code, said)
			}
			for _, c := range l.list(t) {
				if c.State == "broken" || c.State == "creating" {
					t.Errorf("interrupted: %+v", c)
				}
			}
			l.finish(t, args...)
			for _, c := range l.list(t) {
				if c.State != "running" || !c.Ready {
					t.Errorf("after the same command again: %+v", c)
				}
			}
			if got := len(l.list(t)); got != 20 {
				t.Errorf("%d containers", got)
			}
			l.must(t, "destroy", "all", "--yes", "--force")
			if left := l.leaks(t); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// TestLocalInterruptEnds presses Ctrl-C while containers that take their time are stopped: 130, and the same command finishes.
func TestLocalInterruptEnds(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	all := l.name("e<1..4>")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"stop", all}, "stopped"},
		{[]string{"restart", all}, "running"},
		{[]string{"destroy", all, "--yes", "--force"}, ""},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			l.must(t, "create", all, "--missing", "--profile", "command", "--set", "command=[/bin/sh, -c, \"trap '' TERM; while :; do sleep 100; done\"]",
				"--set", "stop.timeout=2s")
			l.must(t, "start", all)
			var marks []string
			for i := range 4 {
				marks = append(marks, filepath.Join(stateDir, "containers", l.name(fmt.Sprint("e", i+1)), "delta/upper/var/mine"))
				l.sh(t, fmt.Sprint("e", i+1), "echo mine >/var/mine")
			}
			c := l.begin(t, test.args...)
			until(t, "the first of them ends", func() bool { return l.live("e1").Phase != "running" })
			if err := c.Process.Signal(unix.SIGINT); err != nil {
				t.Fatal(err)
			}
			code, said := c.end()
			if tooLate := test.want == "" && code == 0; !tooLate && (code != 130 || !strings.Contains(said, "same command again")) { // it asks nobody to stop
				t.Errorf("interrupted: exit status %d: %s", code, said)
			}
			for _, c := range l.list(t) {
				if c.State == "broken" || c.State == "creating" {
					t.Errorf("interrupted: %+v", c)
				}
			}
			if test.want == "" {
				// Names that are gone are not there to be named: some of the range, or all.
				if r := l.run(t, test.args...); !slices.Contains([]int{0, 3, 4}, r.Code) || r.Code == 3 && strings.Count(r.Stderr, "sysctr: ") != 1 {
					t.Errorf("the same command again: %+v", r)
				}
				if left := append(l.leaks(t), l.containers(t)...); len(left) > 0 {
					t.Errorf("left: %q", left)
				}
				return
			}
			l.finish(t, test.args...)
			for i, path := range marks {
				if c := l.look(t, fmt.Sprint("e", i+1)); c.State != test.want {
					t.Errorf("after the same command again: %+v, want %q", c, test.want)
				}
				if text, err := os.ReadFile(path); err != nil || string(text) != "mine\n" {
					t.Errorf("its own file: %q, %v", text, err)
				}
			}
		})
	}
}

// containers lists the directory of all containers, drafts and trash with them.
func (l *local) containers(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(stateDir, "containers"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// finish runs the same command again, until none of those that it interrupted is at work any more.
func (l *local) finish(t testing.TB, args ...string) {
	t.Helper()
	var r e2e.Result
	until(t, "the same command finishes", func() bool {
		r = l.run(t, args...)
		return r.Code != 6 && !(r.Code == 3 && strings.Contains(r.Stderr, "another sysctr command"))
	})
	if r.Code != 0 {
		t.Errorf("the same command again: %q: %+v", args, r)
	}
}

// TestLocalLeftovers holds that what a crash left is swept, and what only looks like it is not.
func TestLocalLeftovers(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	// A store of the test's own, so these names cannot meet those of others; none of them is started.
	l.must(t, "create", "new-york", "trash-1", "new-x")
	for _, dir := range []string{".new-x2/delta/upper/deep", ".trash-gone-0123456789abcdef/delta/upper/deep"} {
		if err := os.MkdirAll(filepath.Join(stateDir, "containers", dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(stateDir, "containers", ".new-x2/delta/upper/deep/file"), "left\n", 0o600)
	for _, foreign := range []string{".snapshots", "README"} {
		if err := os.Mkdir(filepath.Join(stateDir, "containers", foreign), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.must(t, "list", "-o", "name"); got != "new-x\nnew-york\ntrash-1" {
		t.Errorf("with leftovers the list is %q", got)
	}
	l.must(t, "create", "fresh")
	want := []string{".snapshots", "README", "fresh", "new-x", "new-york", "trash-1"}
	if got := l.containers(t); !slices.Equal(got, want) {
		t.Errorf("after a creation there are %q, want %q", got, want)
	}
	l.must(t, "destroy", "fresh", "new-x", "new-york", "trash-1", "--yes")
	for _, foreign := range []string{".snapshots", "README"} {
		if err := os.Remove(filepath.Join(stateDir, "containers", foreign)); err != nil {
			t.Error(err)
		}
	}
}
