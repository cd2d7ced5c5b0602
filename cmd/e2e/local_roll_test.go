package e2e_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// A roll of everything: once each, what is stopped stays stopped, what is held waits, and a canary that is not as well as before stops it.
func TestLocalRoll(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	l := newLocal(t)
	config := "patch: {canary: 1, soak: 0s, batch: 1, max_unavailable: 1, per_tag: {db: 1}}\n"
	if err := os.WriteFile("/etc/sysctr/config.yaml", []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	once := `patch.probe=["/bin/sh", "-c", "test ! -e /opt/probed && touch /opt/probed"]` // passes before the restart, and not after it
	l.must(t, "create", l.name("a"), "--profile", "command", "--set", once, "--set", "priority=90", "--start")
	l.must(t, "create", l.name("b"), l.name("c"), l.name("d"), "--profile", "command", "--start")
	l.must(t, "stop", l.name("c"))
	started := map[string]string{}
	restarted := func(n string, want bool) { // since it was asked last
		t.Helper()
		now := l.sh(t, n, "cut -d' ' -f22 /proc/1/stat") // when its init was started, proc(5)
		if before := started[n]; before != "" && (before != now) != want {
			t.Errorf("%s was restarted: %v, want %v", n, !want, want)
		}
		started[n] = now
	}
	for _, n := range []string{"a", "b", "d"} {
		restarted(n, false)
	}
	l.must(t, "patch", "hold", l.name("d"), "--until", "1h")

	r := l.run(t, "patch", "roll", "--all")
	if r.Code != 9 || !strings.Contains(r.Stderr, "its probe does not pass any more") {
		t.Fatalf("the roll: %+v", r)
	}
	restarted("a", true)
	restarted("b", false)
	if state := l.rolls(t)[0].State; state != "halted" {
		t.Errorf("the roll is %s", state)
	}

	l.sh(t, "a", "rm /opt/probed") // the cure
	if r := l.run(t, "patch", "resume"); r.Code != 0 {
		t.Fatalf("resume: %+v", r)
	}
	restarted("a", false)
	restarted("b", true)
	restarted("d", false)
	past := l.rolls(t)
	if len(past) != 1 || past[0].State != "finished" || past[0].Done != 2 || past[0].Held != 1 {
		t.Errorf("history: %+v", past)
	}
	if out := l.must(t, "list", l.name("c"), "-o", "json"); !strings.Contains(out, `"state": "stopped"`) && !strings.Contains(out, `"state":"stopped"`) {
		t.Errorf("what was stopped: %s", out)
	}
	if out := l.must(t, "patch", "history", past[0].ID); !strings.Contains(out, "held until") {
		t.Errorf("the members:\n%s", out)
	}

	if r := l.run(t, "patch", "abort"); r.Code == 0 || !strings.Contains(r.Stderr, "no roll is under way") {
		t.Errorf("abort of nothing: %+v", r)
	}
	l.must(t, "patch", "unhold", l.name("d"))
	l.must(t, "patch", "roll", l.name("d"), "--all")
	restarted("d", true)
	restarted("a", false)
	l.must(t, "patch", "report", "-o", "json")
}

type pastRoll struct {
	ID, State  string
	Done, Held int
}

func (l *local) rolls(t *testing.T) []pastRoll {
	t.Helper()
	var list struct{ Items []pastRoll }
	if err := json.Unmarshal([]byte(l.must(t, "patch", "history", "-o", "json")), &list); err != nil {
		t.Fatalf("history: %v", err)
	}
	return list.Items
}
