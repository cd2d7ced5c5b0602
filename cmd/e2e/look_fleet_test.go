package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// fleetSize is how many containers an operator looks at in TestLookFleet.
const fleetSize = 200

// TestLookFleet asks what an operator asks when something is wrong, of a fleet in which something is: a monitor is stopped, and a container hangs. Each
// answer tells of every container. How long it took is told and not judged, since a loaded machine takes as long as it likes.
func TestLookFleet(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name(fmt.Sprintf("<1..%d>", fleetSize)), "--profile", "command", "--set",
		`command=[/bin/sh, -c, "echo a word; head -c 100000 /dev/zero >/root/file; while :; do sleep 100; done"]`, "--start")
	until(t, "each container has said its word", func() bool { return strings.Count(l.must(t, "logs", "all"), "a word") == fleetSize })
	monitor := l.monitor("7")
	if monitor == 0 || !l.hit(monitor, unix.SIGSTOP) {
		t.Fatalf("cannot stop the monitor %d", monitor)
	}
	l.must(t, "freeze", l.name("9"))
	if stopped, hangs := l.look(t, "7"), l.look(t, "9"); stopped.State != "running" || hangs.State != "frozen" {
		t.Errorf("they are %+v and %+v", stopped, hangs)
	}
	for _, ask := range []struct {
		line string
		of   string // what the answer has once for each container
	}{
		{"list", "\n" + l.prefix}, {"list -o wide", "\n" + l.prefix}, {"list -o json", `"name": "` + l.prefix}, {"top", "\n" + l.prefix},
		{"metrics", "\nsysctr_container_pids{"}, {"show all", "Name:"}, {"show all --effective", "layers:"}, {"show all --diff", ""},
		{"delta usage all", "\n" + l.prefix}, {"logs all", "a word"},
	} {
		l.tells(t, ask.line, ask.of, fleetSize)
	}
	two := " " + l.name("7") + " " + l.name("9")
	for line, of := range map[string]string{
		"list": "\n" + l.prefix, "top": "\n" + l.prefix, "metrics": "\nsysctr_container_pids{", "show": "Name:", "delta usage": "\n" + l.prefix, "logs": "a word",
	} {
		l.tells(t, line+two, of, 2)
	}
}

// tells runs sysctr, counts what its answer says of each container, and says how long it took.
func (l *local) tells(t *testing.T, line, of string, want int) {
	t.Helper()
	begun := time.Now()
	answer := l.must(t, strings.Fields(line)...)
	t.Logf("%-40s %v", line, time.Since(begun).Round(time.Millisecond))
	if got := strings.Count(answer, of); of != "" && got != want {
		t.Errorf("%q tells of %d containers, not %d:\n%.1000s", line, got, want, answer)
	}
}
