package e2e_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestApplyUnits proves that what a unit has to know of a record reaches it by apply, and that systemd goes by it without a restart.
func TestApplyUnits(t *testing.T) {
	t.Parallel()
	h := newUnitHost(t, e2e.Options{})
	const profile = "/etc/sysctr/profiles/web.yaml"
	h.Write(t, profile, "extends: system\n", 0o644)
	h.Must(t, "sysctr", "create", "web1", "--profile", "web", "--start")
	before := h.see(t, "web1")
	const unit = "sysctr@web1.service"
	show := func() map[string]string {
		out := map[string]string{}
		for line := range strings.Lines(h.Must(t, "systemctl", "show", unit, "-p", "Restart,KillSignal,TimeoutStopUSec,UnitFileState,TasksMax,Wants,NeedDaemonReload")) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			words := strings.Fields(value)
			slices.Sort(words)
			out[key] = strings.Join(words, " ")
		}
		return out
	}
	want := map[string]string{
		"Restart": "on-failure", "KillSignal": "37", "TimeoutStopUSec": "30s", "UnitFileState": "disabled", "TasksMax": "2304",
		"Wants": "sysctr-host.service sysctr-priority@50.target", "NeedDaemonReload": "no",
	}
	if diff := cmp.Diff(want, show()); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	h.Write(t, profile, "extends: system\nautostart: true\npriority: 70\nrestart: never\nstop: {signal: SIGRTMIN+4, timeout: 7s}\nlimits: {pids: 500}\n", 0o644)
	h.Must(t, "sysctr", "apply", "profile:web", "--dry-run")
	if diff := cmp.Diff(want, show()); diff != "" {
		t.Errorf("after a dry run (-want +got):\n%s", diff)
	}
	h.Must(t, "sysctr", "apply", "profile:web")
	want = map[string]string{
		"Restart": "no", "KillSignal": "38", "TimeoutStopUSec": "7s", "UnitFileState": "enabled", "TasksMax": "756",
		"Wants": "sysctr-host.service sysctr-priority@70.target", "NeedDaemonReload": "no",
	}
	if diff := cmp.Diff(want, show()); diff != "" {
		t.Errorf("after (-want +got):\n%s", diff)
	}
	groups := "/sys/fs/cgroup/pids/machine.slice/" + unit
	if got := h.Must(t, "cat", groups+"/payload.web1/pids.max", groups+"/pids.max"); got != "500\n756" {
		t.Errorf("pids.max of the container and of its unit are %q", got)
	}
	if after := h.see(t, "web1"); !after.up() || after.PID != before.PID {
		t.Errorf("it was %+v and is %+v", before, after)
	}
	t.Run("never again", func(t *testing.T) {
		h.killMonitor(t, "web1")
		h.await(t, "web1", "stopped", func(s sight) bool { return s.State == "stopped" && s.Active == "failed" && s.Restarts == 0 })
	})
	t.Run("with the host", func(t *testing.T) {
		h.Reboot(t)
		h.await(t, "web1", "up", sight.up)
		h.Must(t, "sysctr", "apply", "web1", "--set", "autostart=false")
		if got := show()["UnitFileState"]; got != "disabled" {
			t.Errorf("without autostart the unit is %s", got)
		}
	})
}

// boundsSwap tells whether memory and swap together are limited to as much as memory is, where cgroup v1 counts them together.
func (l *local) boundsSwap(t *testing.T, n string, memory int64) bool {
	t.Helper()
	const both = "memory.memsw.limit_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/memory/" + both); err != nil {
		return true
	}
	return l.limit(t, "memory", n, both) == strconv.FormatInt(memory, 10)
}
