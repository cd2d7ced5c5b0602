package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalKilledStart kills command, starter, monitor and init while a container is made and started, at observable points and at random.
// The same command again finishes, and after a destroy nothing is left.
func TestLocalKilledStart(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	hits := map[string]int{}
	for round := range 20 {
		for i, victim := range []string{"command", "starter", "monitor", "init"} {
			args := []string{"create", l.name("k"), "--start"}
			if (round+i)%2 == 0 { // without systemd the moments lie closer together
				args = append(args, "--profile", "command", "--set", "command=[/bin/sleep, infinity]")
			}
			a := attack{victim: victim, args: args, moment: "at random", when: after(400 * time.Millisecond)}
			if round < 8 {
				a.moment = []string{"record", "starting", "starter", "monitor", "init", "running", "ready", "end"}[round]
				a.when = l.moment(t, a.moment)
			}
			if l.attack(t, a) {
				hits[victim]++
			}
			l.finish(t, args...)
			if c := l.look(t, "k"); c.State != "running" || !c.Ready {
				t.Fatalf("round %d, %s killed %s: after the same command again: %+v", round, victim, a.moment, c)
			}
			l.gone(t, fmt.Sprintf("round %d, %s killed %s", round, victim, a.moment))
		}
	}
	t.Logf("killed in 80 starts: %v", hits)
	for _, victim := range []string{"command", "starter", "monitor", "init"} {
		if hits[victim] < 5 {
			t.Errorf("the %s was hit only %d times in 20 rounds", victim, hits[victim])
		}
	}
}

// moment returns what tells that a start has come to an observable point.
func (l *local) moment(t *testing.T, name string) func() bool {
	return map[string]func() bool{
		"record":   func() bool { return slices.Contains(l.containers(t), l.name("k")) },
		"starting": func() bool { return l.live("k").Phase == "starting" },
		"starter":  func() bool { return len(l.processes(l.binary+" _starter")) > 0 },
		"monitor":  func() bool { return l.monitor("k") != 0 },
		"init":     func() bool { return l.init("k") != 0 },
		"running":  func() bool { return l.live("k").Phase == "running" },
		"ready":    func() bool { return l.live("k").Ready },
		"end":      func() bool { return false },
	}[name]
}
