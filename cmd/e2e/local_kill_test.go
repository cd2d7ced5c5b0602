package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// attack is one kill -9: of whom, while what is done, at which moment.
type attack struct {
	victim string // command, starter, monitor or init
	args   []string
	moment string
	when   func() bool
}

// TestLocalKilledEnd kills command, starter, monitor and init while a container is stopped, killed, restarted and destroyed. The same command
// again finishes, and nothing is left.
func TestLocalKilledEnd(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	create := []string{"create", l.name("k"), "--start", "--profile", "command", "--set", "command=[/bin/sleep, infinity]"}
	hits := map[string]int{}
	for round := range 12 {
		for _, test := range []struct {
			args []string
			want string
		}{
			{[]string{"stop", l.name("k")}, "stopped"},
			{[]string{"kill", l.name("k")}, "stopped"},
			{[]string{"restart", l.name("k")}, "running"},
			{[]string{"destroy", l.name("k"), "--yes", "--force"}, ""},
		} {
			victims := []string{"command", "monitor", "init"}
			if test.args[0] == "restart" { // what has ended before the command looks is not restarted, so these two only
				victims = []string{"command", "starter"}
			}
			l.must(t, create...)
			a := attack{victim: victims[round%len(victims)], args: test.args, moment: "at random", when: after(30 * time.Millisecond)}
			if round < 4 && test.args[0] == "restart" {
				a.moment, a.when = "stopped", func() bool { return l.live("k").Phase == "" }
			}
			if l.attack(t, a) {
				hits[a.victim]++
			}
			if test.want != "" || l.look(t, "k").Name != "" {
				l.finish(t, test.args...)
			}
			if c := l.look(t, "k"); c.State != test.want {
				t.Errorf("round %d, %s killed %s during %s: after the same command again: %+v, want %q", round, a.victim, a.moment, test.args[0], c, test.want)
			}
			if test.want != "" {
				l.gone(t, fmt.Sprintf("round %d, %s killed %s during %s", round, a.victim, a.moment, test.args[0]))
				continue
			}
			l.must(t, "create", l.name("other")) // the next creation takes away what a killed destroy had not
			l.must(t, "destroy", l.name("other"), "--yes")
			if left := l.leaks(t); len(left) > 0 {
				t.Errorf("round %d, %s killed during destroy: left: %q", round, a.victim, left)
			}
		}
	}
	t.Logf("killed in %d ends: %v", 4*12, hits)
	if hits["command"] < 6 {
		t.Errorf("the command was hit only %d times", hits["command"])
	}
}

// attack runs a command and kills the victim at the moment, or when the command has ended before; it tells whether there was a victim.
func (l *local) attack(t *testing.T, a attack) bool {
	t.Helper()
	c := l.begin(t, a.args...)
	ended := make(chan struct{})
	go func() { defer close(ended); c.end() }()
	over := func() bool {
		select {
		case <-ended:
			return true
		default:
			return false
		}
	}
	until(t, a.moment, func() bool { return a.when() || over() })
	hit := false
	for deadline := time.Now().Add(2 * time.Second); !hit && time.Now().Before(deadline); {
		if a.victim == "command" { // our own child, so its id is its own
			hit = c.Process.Kill() == nil
			break
		}
		hit = l.strike(a.victim)
		if over() && !hit {
			hit = l.strike(a.victim)
			break
		}
	}
	<-ended
	return hit
}

// strike kills a victim, if it is there.
func (l *local) strike(victim string) bool {
	switch victim {
	case "starter":
		for _, p := range l.processes(l.binary + " _starter") {
			return l.hit(p.pid, unix.SIGKILL)
		}
	case "monitor":
		if pid := l.monitor("k"); pid != 0 {
			return l.hit(pid, unix.SIGKILL)
		}
	case "init":
		if pid := l.init("k"); pid != 0 {
			return l.hit(pid, unix.SIGKILL)
		}
	}
	return false
}

// init returns the process id of a container's init, whether the liveness file knows it yet or not: the monitor's child in the container's group.
func (l *local) init(n string) int {
	monitor := strconv.Itoa(l.monitor(n))
	for _, p := range l.processes("") {
		status, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/status")
		if err == nil && monitor != "0" && strings.Contains(string(status), "\nPPid:\t"+monitor+"\n") {
			return p.pid
		}
	}
	return 0
}

// after returns what is true after a random time.
func after(most time.Duration) func() bool {
	moment := time.Now().Add(rand.N(most))
	return func() bool { return time.Now().After(moment) }
}

// gone destroys the container and looks for leftovers.
func (l *local) gone(t *testing.T, what string) {
	t.Helper()
	l.finish(t, "destroy", l.name("k"), "--yes", "--force") // the starter of a killed command may still be at work
	if left := l.leaks(t); len(left) > 0 {
		t.Errorf("%s: left: %q", what, left)
	}
}
