package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestPatchLuckFleet rolls thirty of one tag, of which one may be down, while an operator goes about his business; then everything.
func TestPatchLuckFleet(t *testing.T) {
	t.Parallel()
	h := newLuckHost(t, ", canary: none, batch: 10, max_unavailable: 10, per_tag: {db: 1}")
	h.Must(t, "sysctr", "create", "seen<1..30>", "--start", "--profile", "seen", "--set", "tags=db")
	h.Must(t, "sysctr", "create", "rest", "--profile", "seen")
	before := h.counts(t)
	h.patch(t, 1)
	h.Must(t, "dpkg", "-i", "/root/luck.deb")
	byHand := []func(){
		func() { h.Must(t, "sysctr", "stop", "seen30") },
		func() { h.Must(t, "sysctr", "destroy", "seen29", "--yes", "--force") },
		func() { h.Must(t, "sysctr", "create", "born", "--start", "--profile", "seen") },
	}
	hands := []string{"seen30", "seen29", "born", "rest"}
	most, samples, down := 0, 0, map[string]bool{}
	for over := false; !over; samples++ {
		now := h.down(t, hands)
		most = max(most, len(now))
		for _, name := range now {
			down[name] = true
		}
		if len(down) > 3 && len(byHand) > 0 { // the roll is well under way
			byHand[0]()
			byHand = byHand[1:]
		}
		rolls := h.rolls(t)
		over = len(rolls) == 1 && rolls[0].State != "running"
	}
	t.Logf("%d samples, in which %d containers were seen down", samples, len(down))
	if most != 1 || len(byHand) > 0 {
		t.Errorf("%d of the tag were down at once, want 1; %d acts of the operator are left", most, len(byHand))
	}
	h.finished(t, 1)
	for _, name := range []string{"seen30", "seen29"} {
		delete(before, name)
	}
	h.restarted(t, before, 1)
	if got := h.counts(t)["born"]; got != 1 {
		t.Errorf("what was created meanwhile was started %d times", got)
	}
	for _, name := range []string{"seen30", "rest"} {
		if s := h.see(t, name); s.State != "stopped" {
			t.Errorf("%s was stopped, and is %+v", name, s)
		}
	}
	h.Must(t, "sysctr", "patch", "verify")
	t.Run("scope: all", func(t *testing.T) { h.everybody(t) })
}

// down names the containers that are not up, without those that somebody else has stopped.
func (h luckHost) down(t *testing.T, without []string) []string {
	t.Helper()
	var list struct {
		Items []struct {
			Name, State string
			Ready       bool
		}
	}
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "list", "-o", "json")), &list); err != nil {
		t.Fatalf("list: %v", err)
	}
	var names []string
	for _, c := range list.Items {
		if (c.State != "running" || !c.Ready) && !slices.Contains(without, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// everybody has the policy ask for all: each that runs is restarted once by a patch that concerns none, and not again by a look that finds no other.
func (h luckHost) everybody(t *testing.T) {
	h.Must(t, "sysctr", "destroy", "seen<3..28>", "--yes", "--force")
	h.Must(t, "sysctr", "create", "blind<1..3>", "--start", "--profile", "blind")
	h.Write(t, "/etc/sysctr/config.yaml", "patch: {settle: 1s, soak: 0s, scope: all}\n", 0o644)
	before := h.counts(t)
	rolls := len(h.rolls(t))
	h.Copy(t, h.small(t, "unused", "1"), "/root/unused.deb")
	h.Must(t, "dpkg", "-i", "/root/unused.deb")
	h.finished(t, rolls+1)
	for name, n := range h.counts(t) {
		if n != before[name]+1 {
			t.Errorf("%s was started %d times more, want 1", name, n-before[name])
		}
	}
	before = h.counts(t)
	h.Write(t, "/etc/edited", "", 0o644) // another generation, and no patch
	h.hour(t)
	h.Must(t, hookScript, "again")
	h.Must(t, "sysctr", "patch", "refresh", "--wait")
	h.finished(t, rolls+1)
	h.restarted(t, before, 0)
	if s := h.see(t, "rest"); s.State != "stopped" {
		t.Errorf("rest was stopped, and is %+v", s)
	}
	h.Must(t, "sysctr", "patch", "verify")
}

// TestPatchLuckApt has apt work on a disk that is full where sysctr keeps its state, and then with and without the hook.
func TestPatchLuckApt(t *testing.T) {
	t.Parallel()
	h := newLuckHost(t, ", canary: none")
	h.Sh(t, `systemctl stop sysctr-refresh.path sysctr-refresh.service; cp -a /var/lib/sysctr /root/state
mount -t tmpfs -o size=96m,mode=0711 e2e /var/lib/sysctr; cp -a /root/state/. /var/lib/sysctr; systemctl start sysctr-refresh.path`)
	h.Must(t, "sysctr", "create", "seen<1..3>", "--start", "--profile", "seen")
	h.Must(t, "sysctr", "create", "blind", "--start", "--profile", "blind")
	t.Run("no room", func(t *testing.T) {
		h.once(t, func() {
			before := h.counts(t)
			h.patch(t, 1)
			h.Sh(t, "cat /dev/zero >/var/lib/sysctr/filler 2>/dev/null || true; "+luckApt)
			h.Until(t, time.Minute, func(r e2e.Result) bool { return strings.Contains(r.Stdout, "no space left") },
				"journalctl", "-b", "-q", "--no-pager", "-o", "cat", "-u", refreshUnit)
			h.restarted(t, before, 0)
			h.Must(t, "rm", "/var/lib/sysctr/filler") // and it goes on by itself
		})
	})
	t.Run("as without the hook", func(t *testing.T) { h.sameApt(t) })
	t.Run("unknown", func(t *testing.T) { h.unknown(t) })
}

// unknown loses the states of the host that containers were started on: they are told of and left alone, until somebody insists.
func (h luckHost) unknown(t *testing.T) {
	h.Write(t, "/etc/edited", "", 0o644)
	h.Must(t, "sysctr", "patch", "status")
	h.Sh(t, "ls -v /var/lib/sysctr/generations/index-* | head -n -1 | xargs rm")
	unknown := map[string]string{"seen1": "unknown", "seen2": "unknown", "seen3": "unknown", "blind": "unknown"}
	h.expect(t, unknown)
	before := h.counts(t)
	if r := h.Run(t, "sysctr", "patch", "refresh", "--wait"); r.Code != 0 || !strings.Contains(r.Stderr, "seen3: it must wait for a human") {
		t.Errorf("%d, %s", r.Code, r.Stderr)
	}
	h.restarted(t, before, 0)
	h.Must(t, "sysctr", "patch", "roll")
	h.restarted(t, before, 0)
	h.Must(t, "sysctr", "patch", "roll", "--force", "seen1", "blind")
	h.expect(t, map[string]string{"seen1": "patched", "seen2": "unknown", "seen3": "unknown", "blind": "patched"})
}

// sameApt wants the same status and output of apt with the hook and without, and tells how long it takes.
func (h luckHost) sameApt(t *testing.T) {
	h.patch(t, 2)
	for _, pipe := range []string{"", " | cat"} {
		run := func() (string, time.Duration) {
			out := h.Sh(t, `start=$(date +%s%N); status=0
said=$(set -o pipefail; DEBIAN_FRONTEND=noninteractive apt-get --yes --reinstall -o Dpkg::Use-Pty=0 install /root/luck.deb 2>&1`+pipe+`) || status=$?
end=$(date +%s%N); echo $((end-start)); echo "$status: $said"`)
			first, rest, _ := strings.Cut(out, "\n")
			var ns int64
			if _, err := fmt.Sscan(first, &ns); err != nil {
				t.Fatalf("%q: %v", first, err)
			}
			return rest, time.Duration(ns)
		}
		run() // installs it
		said := map[bool]string{}
		took := map[bool][]time.Duration{}
		for i := range 6 { // in turns, so that what else the machine does hits both
			hook := i%2 == 0
			h.Must(t, "sysctr", "hook", map[bool]string{true: "install", false: "remove"}[hook])
			out, d := run()
			if said[hook] != "" && said[hook] != out {
				t.Errorf("apt says\n%s\nand then\n%s", said[hook], out)
			}
			said[hook], took[hook] = out, append(took[hook], d)
		}
		if said[true] != said[false] || !strings.HasPrefix(said[true], "0: ") {
			t.Errorf("with the hook:\n%s\nwithout:\n%s", said[true], said[false])
		}
		slices.Sort(took[true])
		slices.Sort(took[false])
		t.Logf("apt-get%s: %v with the hook, %v without (median of %d)", pipe, took[true][1], took[false][1], len(took[true]))
		h.Must(t, "sysctr", "hook", "install")
	}
	h.hour(t)
	h.quiet(t)
	h.Must(t, "sysctr", "patch", "verify")
}
