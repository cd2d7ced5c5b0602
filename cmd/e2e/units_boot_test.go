package e2e_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestUnitsBoot proves that with the host exactly those containers start that are to, those of higher priority first, however it went down.
func TestUnitsBoot(t *testing.T) {
	t.Parallel()
	h := newUnitHost(t, e2e.Options{})
	auto := []string{"high1", "high2", "low1", "low2", "mid1"}
	for prefix, priority := range map[string]int{"high": 90, "mid": 50, "low": 10} {
		h.Must(t, "sysctr", "create", prefix+"<1..2>", "--set", "autostart=true", "--set", fmt.Sprintf("priority=%d", priority))
	}
	h.Must(t, "sysctr", "create", "hand<1..2>", "--start")
	h.Must(t, "sysctr", "destroy", "mid2", "--yes")
	if running := h.inits(t); len(running) != 2 {
		t.Fatalf("autostart is for boots: %v run", running)
	}
	h.Must(t, "sysctr", "exec", "hand1", "--", "sh", "-c", "echo mine >/var/kept")
	for _, test := range []struct {
		summary string
		again   func(testing.TB)
	}{
		{"reboot", h.Reboot},
		{"crash", h.Crash},
	} {
		t.Run(test.summary, func(t *testing.T) {
			test.again(t)
			h.settled(t)
			if diff := cmp.Diff(auto, slices.Sorted(maps.Keys(h.inits(t)))); diff != "" {
				t.Errorf("started with the host (-want +got):\n%s\n%s", diff, h.Must(t, "journalctl", "-b", "-q", "--no-pager", "-n", "60", "-u", "sysctr*"))
			}
			for _, name := range auto {
				if s := h.see(t, name); !s.up() {
					t.Errorf("%s: %+v", name, s)
				}
			}
			h.inOrder(t)
			if diff := cmp.Diff(rest(), h.see(t, "hand1")); diff != "" {
				t.Errorf("one that was started by hand (-want +got):\n%s", diff)
			}
			h.Must(t, "sysctr", "start", "hand1")
			if got := h.Must(t, "sysctr", "exec", "hand1", "--", "cat", "/var/kept"); got != "mine" {
				t.Errorf("its own file is %q", got)
			}
		})
	}
	t.Run("the target stops and starts all of them", func(t *testing.T) {
		h.Must(t, "systemctl", "stop", "sysctr.target")
		for _, name := range append([]string{"hand1"}, auto...) { // systemctl waits for the target only, which goes first
			h.await(t, name, "stopped", func(s sight) bool { return cmp.Equal(s, rest()) })
		}
		h.Must(t, "systemctl", "start", "sysctr.target")
		if diff := cmp.Diff(auto, slices.Sorted(maps.Keys(h.inits(t)))); diff != "" {
			t.Errorf("started with the target (-want +got):\n%s", diff)
		}
	})
	t.Run("destroyed ones leave no links", func(t *testing.T) {
		h.Must(t, "sysctr", "destroy", "all", "--yes", "--force")
		if left := h.Must(t, "find", "/etc/systemd", "-name", "sysctr@*"); left != "" {
			t.Errorf("left:\n%s", left)
		}
		h.Reboot(t)
		h.settled(t)
		if left := h.Must(t, "systemctl", "list-units", "--all", "--no-legend", "--plain", "sysctr@*"); left != "" {
			t.Errorf("systemd has %s", left)
		}
	})
}

// settled proves that the host has booted without a failure.
func (h unitHost) settled(t *testing.T) {
	t.Helper()
	if r := h.Run(t, "systemctl", "is-system-running", "--wait"); r.Stdout != "running\n" {
		t.Errorf("the host's systemd says %q: %s", r.Stdout, h.Must(t, "systemctl", "--failed", "--no-legend"))
	}
}

// inOrder proves by systemd's own messages that no container was begun before those of higher priority were there.
func (h unitHost) inOrder(t *testing.T) {
	t.Helper()
	message := regexp.MustCompile(`(Starting|Started) sysctr@(high|mid|low)[0-9]\.service`)
	rank := map[string]int{"high": 0, "mid": 1, "low": 2}
	reached, begun := 0, 0
	for line := range strings.Lines(h.Must(t, "journalctl", "-b", "-q", "--no-pager", "-o", "cat", "-u", "sysctr@*")) {
		m := message.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if m[1] == "Starting" && rank[m[2]] < reached {
			t.Errorf("%s after one of lower priority", strings.TrimSpace(line))
		}
		reached = max(reached, rank[m[2]])
		if m[1] == "Starting" {
			begun++
			continue
		}
		begun--
		if begun < 0 {
			t.Errorf("%s before it was begun", strings.TrimSpace(line))
		}
	}
	if reached != rank["low"] || begun != 0 {
		t.Errorf("the journal shows no order: last rank %d, %d not started", reached, begun)
	}
}
