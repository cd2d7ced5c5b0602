package e2e_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestUnitsLife is what happens to a container in a unit, from either side and from inside.
func TestUnitsLife(t *testing.T) {
	t.Parallel()
	h := newUnitHost(t, e2e.Options{})
	h.Must(t, "sysctr", "create", "web<1..3>", "--start")
	t.Run("stop and start by either way", func(t *testing.T) { h.eitherWay(t) })
	t.Run("a killed monitor", func(t *testing.T) { h.healed(t, "web1", h.killMonitor) })
	t.Run("a reboot from inside", func(t *testing.T) { h.healed(t, "web1", h.rebootInside) })
	t.Run("a killed init", func(t *testing.T) {
		h.ends(t, "web1", func() { h.Must(t, "kill", "-9", strconv.Itoa(h.see(t, "web1").PID)) })
	})
	t.Run("a poweroff from inside", func(t *testing.T) {
		h.ends(t, "web1", func() { h.Must(t, "sysctr", "exec", "web1", "--", "systemctl", "--no-block", "poweroff") })
	})
	t.Run("frozen", func(t *testing.T) { h.frozen(t) })
	t.Run("kill", func(t *testing.T) {
		h.Must(t, "sysctr", "kill", "web2")
		if got := h.see(t, "web2"); got.State != "stopped" || got.Active == "active" || got.MainPID != 0 {
			t.Errorf("killed: %+v", got)
		}
	})
	t.Run("restart policies", func(t *testing.T) { h.policies(t) })
	t.Run("command profile", func(t *testing.T) { h.command(t) })
	t.Run("a start that fails", func(t *testing.T) { h.failedStart(t) })
	t.Run("no group is left", func(t *testing.T) {
		h.Must(t, "sysctr", "stop", "all")
		if got := h.Must(t, "find", "/sys/fs/cgroup", "-name", "*web[0-9]*", "-o", "-name", "lxc.pivot"); got != "" {
			t.Errorf("control groups of stopped containers:\n%s", got)
		}
	})
}

// eitherWay proves that both ways to stop end in one state, and that each undoes the other's.
func (h unitHost) eitherWay(t *testing.T) {
	stops := [][]string{{"systemctl", "stop", "sysctr@web3"}, {"sysctr", "stop", "web3"}}
	starts := [][]string{{"sysctr", "start", "web3"}, {"systemctl", "start", "sysctr@web3"}}
	for _, stop := range stops {
		for _, start := range starts {
			h.Must(t, stop...)
			// How often systemd has started it by itself is its memory of before.
			if diff := cmp.Diff(rest(), h.see(t, "web3"), cmpopts.IgnoreFields(sight{}, "Restarts")); diff != "" {
				t.Errorf("after %q (-want +got):\n%s", stop, diff)
			}
			if got := h.Must(t, "find", "/run/sysctr", "/sys/fs/cgroup", "-name", "*web3*"); got != "" {
				t.Errorf("after %q there are\n%s", stop, got)
			}
			h.Must(t, start...)
			if s := h.see(t, "web3"); !s.up() {
				t.Errorf("after %q: %+v", start, s)
			}
		}
	}
	before := h.see(t, "web3")
	h.Must(t, "systemctl", "restart", "sysctr@web3")
	if s := h.see(t, "web3"); !s.up() || s.PID == before.PID {
		t.Errorf("after systemctl restart: %+v", s)
	}
}

func (h unitHost) killMonitor(t *testing.T, name string) {
	h.Must(t, "kill", "-9", strconv.Itoa(h.see(t, name).MainPID))
}

func (h unitHost) rebootInside(t *testing.T, name string) {
	h.Must(t, "sysctr", "exec", name, "--", "systemctl", "--no-block", "reboot")
}

// healed proves that the unit brings a container back over fresh mounts: a file of the host that was replaced meanwhile reads new inside,
// though the container had looked it up before; its own files are still there.
func (h unitHost) healed(t *testing.T, name string, end func(*testing.T, string)) {
	const file = "/usr/share/story"
	replace := func(text string) { h.Write(t, file, text, 0o644) } // a new inode, as dpkg does it
	replace("old\n")
	h.Must(t, "sysctr", "restart", name)
	if got := h.Must(t, "sysctr", "exec", name, "--", "cat", file); got != "old" {
		t.Fatalf("before: %q", got)
	}
	h.Must(t, "sysctr", "exec", name, "--", "sh", "-c", "echo mine >/var/kept")
	replace("new\n")
	before := h.see(t, name)
	end(t, name)
	after := h.again(t, name, before)
	if after.Restarts == 0 {
		t.Errorf("systemd counts no restart: %+v", after)
	}
	if got := h.Must(t, "sysctr", "exec", name, "--", "cat", file, "/var/kept"); got != "new\nmine" {
		t.Errorf("after: %q, want the host's new file and the container's own", got)
	}
	machine := h.Must(t, "machinectl", "show", name, "-p", "Leader", "--value")
	if machine != strconv.Itoa(after.PID) {
		t.Errorf("machined takes %s for its init, want %d", machine, after.PID)
	}
}

// ends proves that what do does ends the container for good, and that both see it.
func (h unitHost) ends(t *testing.T, name string, do func()) {
	h.Must(t, "sysctr", "start", name)
	do()
	got := h.await(t, name, "stopped", func(s sight) bool { return s.State == "stopped" && s.Active != "active" && s.Active != "deactivating" })
	if got.Active != "inactive" || got.Reason == "" || got.PID != 0 || got.MainPID != 0 {
		t.Errorf("it is %+v, want an inactive unit and a reason", got)
	}
	// A restart would have been queued by now: the unit is at rest only after the decision.
	if jobs := h.Must(t, "systemctl", "list-jobs", "--no-legend", "sysctr@*"); strings.Contains(jobs, "sysctr@") {
		t.Errorf("jobs are queued: %s", jobs)
	}
	h.Must(t, "sysctr", "start", name)
	if s := h.see(t, name); !s.up() {
		t.Errorf("started again: %+v", s)
	}
}

// frozen containers do not hear a signal.
func (h unitHost) frozen(t *testing.T) {
	h.Must(t, "sysctr", "create", "ice1", "--set", "stop.timeout=2s", "--start")
	for _, stop := range [][]string{{"sysctr", "stop", "ice1"}, {"systemctl", "stop", "sysctr@ice1"}} {
		h.Must(t, "sysctr", "freeze", "ice1")
		if s := h.see(t, "ice1"); s.State != "frozen" {
			t.Fatalf("frozen: %+v", s)
		}
		h.Must(t, stop...)
		if s := h.see(t, "ice1"); s.State != "stopped" || s.MainPID != 0 {
			t.Errorf("after %q: %+v", stop, s)
		}
		h.Must(t, "sysctr", "start", "ice1")
		if s := h.see(t, "ice1"); !s.up() {
			t.Errorf("started after %q: %+v", stop, s)
		}
	}
	h.Must(t, "sysctr", "destroy", "ice1", "--yes", "--force")
}

func (h unitHost) policies(t *testing.T) {
	h.Must(t, "sysctr", "create", "never1", "--set", "restart=never", "--start")
	h.Must(t, "sysctr", "create", "always1", "--set", "restart=always", "--start")
	for _, end := range []func(*testing.T, string){h.killMonitor, h.rebootInside} {
		end(t, "never1")
		h.await(t, "never1", "stopped", func(s sight) bool { return s.State == "stopped" && s.Active == "failed" && s.Restarts == 0 })
		h.Must(t, "sysctr", "start", "never1")
	}
	before := h.see(t, "always1")
	h.Must(t, "sysctr", "exec", "always1", "--", "systemctl", "--no-block", "poweroff")
	h.again(t, "always1", before)
	h.Must(t, "sysctr", "stop", "always1")
	if diff := cmp.Diff(rest(), h.see(t, "always1"), cmpopts.IgnoreFields(sight{}, "Restarts")); diff != "" {
		t.Errorf("an asked stop of restart: always (-want +got):\n%s", diff)
	}
	h.Must(t, "sysctr", "destroy", "never1", "always1", "--yes", "--force")
}

// command containers get the signal of their kind: with a system container's they would take the whole stop timeout.
func (h unitHost) command(t *testing.T) {
	h.Must(t, "sysctr", "create", "cmd<1..4>", "--profile", "command", "--set", "command=[/bin/sleep, 1000]", "--set", "stop.timeout=5m", "--start")
	begun := time.Now()
	h.Must(t, "systemctl", "stop", "sysctr@cmd1", "sysctr@cmd2")
	h.Must(t, "sysctr", "stop", "cmd3", "cmd4")
	if took := time.Since(begun); took > time.Minute { // who is killed has been given the stop timeout before
		t.Errorf("stopping takes %v: they were killed", took)
	}
	for _, name := range []string{"cmd1", "cmd3"} {
		if diff := cmp.Diff(rest(), h.see(t, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	h.Must(t, "sysctr", "destroy", "cmd<1..4>", "--yes")
	h.Must(t, "sysctr", "create", "once1", "--profile", "command", "--set", "command=[/bin/false]")
	h.Must(t, "sysctr", "create", "once2", "--profile", "command", "--set", "command=[/bin/true]")
	h.Run(t, "sysctr", "start", "once1") // it ends at once, perhaps before the start is over
	h.Must(t, "sysctr", "create", "at<1..20>", "--profile", "command", "--set", "command=[/bin/true]")
	h.Must(t, "sysctr", "start", "once2", "at<1..20>") // some end before they are announced
	h.Must(t, "sysctr", "destroy", "at<1..20>", "--yes", "--force")
	h.await(t, "once2", "ended", func(s sight) bool { return s.State == "stopped" && s.Active != "active" })
	h.Must(t, "sysctr", "destroy", "once1", "once2", "--yes", "--force")
	h.noCommand(t)
	h.Must(t, "sysctr", "create", "fails1", "--profile", "command", "--set", `command=[/bin/sh, -c, "sleep 1; exit 3"]`, "--start")
	h.await(t, "fails1", "started again after it failed", func(s sight) bool { return s.Restarts >= 2 && s.up() })
	h.await(t, "fails1", "its status is told", func(s sight) bool { return s.State == "stopped" && strings.Contains(s.Reason, "status 3") })
	h.Must(t, "sysctr", "stop", "fails1") // perhaps while systemd waits to start it again
	if s := h.see(t, "fails1"); s.State != "stopped" || s.MainPID != 0 || s.Active == "activating" || s.Reason != "" {
		t.Errorf("a failing command, stopped by hand: %+v", s)
	}
	h.Must(t, "sysctr", "destroy", "fails1", "--yes")
}

// noCommand starts what cannot be executed, and the start says so.
func (h unitHost) noCommand(t *testing.T) {
	const reason = "its command /no/such cannot be executed: no such file or directory"
	h.Must(t, "sysctr", "create", "none1", "--profile", "command", "--set", "command=[/no/such]")
	if r := h.Run(t, "sysctr", "start", "none1"); r.Code != 1 || !strings.Contains(r.Stderr, reason) {
		t.Errorf("start says %+v, want %q", r, reason)
	}
	if got := h.await(t, "none1", "given up", func(s sight) bool { return s.Active == "failed" }); !strings.Contains(got.Reason, reason) {
		t.Errorf("it is %+v, want %q", got, reason)
	}
	h.Must(t, "sysctr", "stop", "none1")
	if got := h.see(t, "none1"); got.State != "stopped" || got.Reason != "" {
		t.Errorf("stopped by hand: %+v", got)
	}
	h.Must(t, "sysctr", "destroy", "none1", "--yes")
}

// failedStart proves that the reason of a failure reaches who asked, the journal and the list, and that systemd gives up.
func (h unitHost) failedStart(t *testing.T) {
	for _, test := range []struct {
		summary, mount, reason string
		tried                  bool // again, until systemd's own bound
	}{
		{summary: "no source", mount: "{source: /srv/missing, target: /mnt}", reason: "/srv/missing cannot be mounted"},
		{summary: "no target", mount: "{source: /srv, target: /usr/missing}", reason: "/usr/missing", tried: true},
	} {
		t.Run(test.summary, func(t *testing.T) {
			h.Must(t, "sysctr", "create", "bad1", "--set", "mounts=["+test.mount+"]")
			r := h.Run(t, "sysctr", "start", "bad1")
			if r.Code == 0 || !strings.Contains(r.Stderr, test.reason) || !strings.Contains(r.Stderr, "journalctl -u sysctr@bad1.service") {
				t.Errorf("start says %+v, want %q and where to look", r, test.reason)
			}
			got := h.await(t, "bad1", "given up", func(s sight) bool { return s.Active == "failed" })
			if got.State != "stopped" || !strings.Contains(got.Reason, test.reason) || (got.Restarts > 0) != test.tried || got.Restarts > 10 {
				t.Errorf("it is %+v", got)
			}
			if text := h.journal(t, "bad1"); !strings.Contains(text, test.reason) {
				t.Errorf("the journal does not say %q:\n%s", test.reason, text)
			}
			h.Must(t, "sysctr", "destroy", "bad1", "--yes")
			if left := h.Must(t, "systemctl", "list-units", "--all", "--no-legend", "--plain", "sysctr@bad1*"); left != "" {
				t.Errorf("destroyed, systemd still has %s", left)
			}
		})
	}
}
