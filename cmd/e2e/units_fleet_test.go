package e2e_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestUnitsFleet is the life of a fleet on a host with systemd: installed, made, started as one, upgraded, taken away.
func TestUnitsFleet(t *testing.T) {
	t.Parallel()
	h := unitHost{e2e.Boot(t, e2e.Options{})}
	h.Install(t)
	before := h.paths(t)
	h.Must(t, "sysctr", "host", "init")
	h.Must(t, "sysctr", "create", "web<1..20>", "--start")
	t.Run("each boots a clean system", func(t *testing.T) { h.cleanSystems(t) })
	t.Run("each is a unit", func(t *testing.T) { h.areUnits(t) })
	t.Run("one batch", func(t *testing.T) { h.oneBatch(t) })
	t.Run("an upgrade touches nothing", func(t *testing.T) {
		running := h.inits(t)
		h.Must(t, "systemctl", "daemon-reload")
		h.Install(t)
		h.Must(t, "sysctr", "host", "init")
		if diff := cmp.Diff(running, h.inits(t)); diff != "" || len(running) != 20 {
			t.Errorf("init processes before and after (%d):\n%s", len(running), diff)
		}
		h.Must(t, "sysctr", "restart", "web1")
	})
	t.Run("all go at once", func(t *testing.T) {
		h.Must(t, "sysctr", "stop", "all")
		if left := h.inits(t); len(left) > 0 {
			t.Errorf("running after stop all: %v", left)
		}
		h.Must(t, "sysctr", "start", "web<1..20>")
	})
	t.Run("nothing is left", func(t *testing.T) { h.leavesNothing(t, before) })
}

func (h unitHost) cleanSystems(t *testing.T) {
	for _, test := range []struct {
		summary string
		argv    []string
		want    string // of the one block; the names come first
	}{
		{"systemd says running", []string{"systemctl", "is-system-running"}, `^web\[1-20\] \(20 containers\):\n  running$`},
		{"root inside", []string{"id", "-u"}, `^web\[1-20\] \(20 containers\):\n  0$`},
		{"no unit failed", []string{"systemctl", "list-units", "--failed", "--no-legend", "--plain"}, `^web\[1-20\] \(20 containers, no output\):$`},
		{
			"at most five services", []string{"systemctl", "list-units", "--type=service", "--state=running", "--no-legend", "--plain"},
			`^web\[1-20\] \(20 containers\):(\n  \S+\.service .*){1,5}$`,
		},
	} {
		got := h.Must(t, append([]string{"sysctr", "exec", "web<1..20>", "--fold", "--"}, test.argv...)...)
		if !regexp.MustCompile(test.want).MatchString(got) {
			t.Errorf("%s: %q is not one block that matches %s", test.summary, got, test.want)
		}
	}
	ids := strings.Fields(h.Must(t, "sysctr", "exec", "web<1..20>", "--", "cat", "/etc/machine-id"))
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n < 40 { // names and ids
		t.Errorf("machine-ids repeat: %d different words of 40", n)
	}
}

func (h unitHost) areUnits(t *testing.T) {
	machines := h.Must(t, "machinectl", "list", "--no-legend", "--no-pager")
	for i := range 20 {
		name := fmt.Sprintf("web%d", i+1)
		if s := h.see(t, name); !s.up() {
			t.Errorf("%s: %+v", name, s)
		}
		if !regexp.MustCompile(`(?m)^` + name + ` +container +sysctr `).MatchString(machines) {
			t.Errorf("machinectl does not list %s", name)
		}
	}
	if got := h.Must(t, "systemctl", "is-system-running"); got != "running" {
		t.Errorf("the host's systemd says %q: %s", got, h.Must(t, "systemctl", "--failed", "--no-legend"))
	}
}

// oneBatch proves by systemd's own messages that all jobs were queued before the first had ended.
func (h unitHost) oneBatch(t *testing.T) {
	const starting, started = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf" // SD_MESSAGE_UNIT_STARTING, _STARTED
	begun, ended := 0, 0
	for line := range strings.Lines(h.Must(t, "journalctl", "-b", "-q", "-o", "json", "-u", "sysctr@*", "MESSAGE_ID="+starting, "MESSAGE_ID="+started)) {
		var m struct {
			ID string `json:"MESSAGE_ID"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("journal: %v: %s", err, line)
		}
		switch {
		case m.ID == starting && ended == 0:
			begun++
		case m.ID == started:
			ended++
		}
	}
	if begun != 20 || ended != 20 {
		t.Errorf("of %d starts %d were begun before the first ended, want 20 of 20", ended, begun)
	}
}

// paths lists the files of the host by path, without what changes by itself.
func (h unitHost) paths(t *testing.T) []string {
	t.Helper()
	out := h.Must(t, "find", "/", "/run", "/dev", "-xdev", "(", "-path", "/var/log/journal", "-o", "-path", "/run/systemd", "-o", "-path", "/run/log",
		"-o", "-path", "/tmp", "-o", "-path", "/run/udev", ")", "-prune", "-o", "-print")
	paths := strings.Split(out, "\n")
	slices.Sort(paths)
	return slices.Compact(paths)
}

func (h unitHost) leavesNothing(t *testing.T, before []string) {
	h.Must(t, "sysctr", "destroy", "web<1..19>", "--yes", "--force")
	if r := h.Run(t, "sysctr", "host", "remove"); r.Code != 6 {
		t.Errorf("host remove with a container left: exit status %d, want 6", r.Code)
	}
	if s := h.see(t, "web20"); !s.up() {
		t.Errorf("the last one: %+v", s)
	}
	h.Must(t, "sysctr", "destroy", "web20", "--yes", "--force")
	h.Must(t, "sysctr", "host", "remove")
	// The tools that make and remove an account keep the files of before; /run/lxc/lock is liblxc's own, and empty; agetty's is the host's.
	kept := regexp.MustCompile(`^/etc/(passwd|group|shadow|gshadow)-$|^/run/lxc/lock$|^/run/agetty\.reload$`)
	for _, p := range h.paths(t) {
		if _, found := slices.BinarySearch(before, p); !found && !kept.MatchString(p) {
			t.Errorf("left: %s", p)
		}
	}
	for _, test := range []struct{ summary, script string }{
		{"processes", `pgrep -af '[s]ysctr|[l]xc monitor' || true`},
		{"control groups", `find /sys/fs/cgroup -depth -name '*sysctr*' -o -name '*web[0-9]*' -o -name 'lxc.pivot'`},
		{"mounts", `grep sysctr /proc/self/mountinfo || true`},
		{"accounts", `grep -s sysctr /etc/passwd /etc/group /etc/shadow /etc/gshadow || true`},
		{"id ranges", `grep -s ` + strconv.Itoa(0x70000000) + ` /etc/subuid /etc/subgid || true`},
		{"units", `systemctl list-units --all --no-legend --plain 'sysctr@*' 'sysctr-host*' | grep -v ' inactive ' || true`},
		{"failed units", `systemctl --failed --no-legend --plain`},
		{"machines", `machinectl list --no-legend --no-pager`},
	} {
		if got := h.Sh(t, test.script); got != "" {
			t.Errorf("%s are left:\n%s", test.summary, got)
		}
	}
}
