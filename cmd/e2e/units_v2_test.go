package e2e_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestUnitsV2 is the short story in a host with cgroup v2 alone, whose systemd moves every process by itself. On a hybrid machine that host
// has no controllers, so the limits that every container has cannot be set: that must be said, and must not keep one from starting.
func TestUnitsV2(t *testing.T) {
	t.Parallel()
	h := newUnitHost(t, e2e.Options{CgroupV2: true})
	doctor := h.Must(t, "sysctr", "doctor", "-o", "wide")
	controllers := h.Must(t, "cat", "/sys/fs/cgroup/cgroup.controllers")
	if !strings.Contains(doctor, "on cgroup v2") || strings.Contains(doctor, "these limits do not hold") != (controllers == "") {
		t.Errorf("controllers are %q, and doctor says\n%s", controllers, doctor)
	}
	if !strings.Contains(doctor, "of this version, sysctr.target is enabled") || strings.Contains(doctor, "fails") {
		t.Errorf("on a host that was just prepared, doctor says\n%s", doctor)
	}
	h.Must(t, "sysctr", "create", "web<1..4>", "--set", "autostart=true", "--start")
	h.Must(t, "sysctr", "create", "cmd1", "--profile", "command", "--set", "command=[/bin/sleep, 1000]", "--start")
	if got, want := h.Must(t, "sysctr", "exec", "web<1..4>", "--fold", "--", "systemctl", "is-system-running"), "web[1-4] (4 containers):\n  running"; got != want {
		t.Errorf("in the containers:\n%s\nwant\n%s", got, want)
	}
	if s := h.see(t, "cmd1"); !s.up() {
		t.Errorf("cmd1: %+v", s)
	}
	t.Run("stop and start by either way", func(t *testing.T) { h.eitherWay(t) })
	t.Run("a killed monitor", func(t *testing.T) { h.healed(t, "web1", h.killMonitor) })
	t.Run("a reboot from inside", func(t *testing.T) { h.healed(t, "web1", h.rebootInside) })
	t.Run("frozen", func(t *testing.T) { h.frozen(t) })
	t.Run("a start that fails", func(t *testing.T) { h.failedStart(t) })
	t.Run("stop of the kind", func(t *testing.T) {
		h.Must(t, "systemctl", "stop", "sysctr@cmd1")
		if diff := cmp.Diff(rest(), h.see(t, "cmd1"), cmpopts.IgnoreFields(sight{}, "Restarts")); diff != "" {
			t.Errorf("cmd1 (-want +got):\n%s", diff)
		}
	})
	t.Run("reboot of the host", func(t *testing.T) {
		h.Reboot(t)
		h.settled(t)
		if running := h.inits(t); len(running) != 4 {
			t.Errorf("running: %v, want the four of autostart", running)
		}
	})
	t.Run("nothing is left", func(t *testing.T) {
		h.Must(t, "sysctr", "destroy", "all", "--yes", "--force")
		h.Must(t, "sysctr", "host", "remove")
		if got := h.Must(t, "find", "/sys/fs/cgroup", "-name", "*sysctr@*", "-o", "-name", "*web[0-9]*", "-o", "-name", "lxc.pivot"); got != "" {
			t.Errorf("control groups are left:\n%s", got)
		}
	})
}
