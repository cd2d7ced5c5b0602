package e2e_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// Killed again and again, a roll is finished by the next: each container is restarted once, and none is left down.
func TestLocalRollKilled(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	l := newLocal(t)
	if err := os.WriteFile("/etc/sysctr/config.yaml", []byte("patch: {soak: 0s, batch: 1, max_unavailable: 1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "b", "c", "d", "e", "f"}
	for _, n := range names {
		l.must(t, "create", l.name(n), "--profile", "command", "--start")
	}
	boots := map[string]map[string]bool{}
	look := func() {
		for _, n := range names {
			if boots[n] == nil {
				boots[n] = map[string]bool{}
			}
			if r := l.try(t, n, "cut -d' ' -f22 /proc/1/stat"); r.Code == 0 { // else it is down at the moment
				boots[n][r.Stdout] = true
			}
		}
	}
	look()
	l.must(t, "patch", "pause")
	paused := l.command(t, "patch", "roll", "--all")
	if err := paused.Start(); err != nil {
		t.Fatal(err)
	}
	for tries := 0; len(l.rolls(t)) == 0; tries++ { // each look is a process of its own, so this does not spin
		if tries == 500 {
			t.Fatal("no roll is stored")
		}
	}
	kill(paused)
	kills := 1
	for ; kills < 30 && l.rolls(t)[0].State == "running"; kills++ {
		cmd := l.command(t, "patch", "resume")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rand.IntN(150)) * time.Millisecond) // the moment is what varies, and nothing is waited for
		kill(cmd)
		look()
	}
	if l.rolls(t)[0].State == "running" {
		l.must(t, "patch", "resume")
	}
	look()
	for _, n := range names {
		if len(boots[n]) != 2 {
			t.Errorf("%s was started %d times, want twice: %v", n, len(boots[n]), boots[n])
		}
		l.sh(t, n, "true")
	}
	if past := l.rolls(t); len(past) != 1 || past[0].State != "finished" || past[0].Done != len(names) {
		t.Errorf("history after %d kills: %+v", kills, past)
	}
	t.Logf("%d kills", kills)
}

func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}
