package e2e_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

const (
	refreshUnit = "sysctr-refresh.service"
	refreshPath = "sysctr-refresh.path"
)

// refreshHost is a prepared host whose refresh does not wait for quiet.
type refreshHost struct{ hookHost }

func newRefreshHost(t *testing.T) refreshHost {
	t.Helper()
	h := refreshHost{newHookHost(t)}
	h.Write(t, "/etc/sysctr/config.yaml", "patch:\n  settle: 0s\n", 0o644)
	h.Must(t, "systemctl", "start", refreshPath, "sysctr-refresh.timer")
	return h
}

func (h refreshHost) show(t *testing.T, unit, property string) string {
	t.Helper()
	return h.Must(t, "systemctl", "show", "-P", property, unit)
}

// idle waits until no refresh runs and no mark is left.
func (h refreshHost) idle(t *testing.T) {
	t.Helper()
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "bash", "-c",
		"[ ! -e "+hookMark+" ] && [ $(systemctl show -P ActiveState "+refreshUnit+") = inactive ]")
	if state := h.show(t, refreshPath, "ActiveState"); state != "active" {
		t.Errorf("the path unit is %s", state)
	}
}

// waits has a refresh run and wait for somebody who holds dpkg's lock.
func (h refreshHost) waits(t *testing.T) {
	t.Helper()
	h.Sh(t, `systemd-run --quiet --unit=holder python3 -c '
import fcntl, time
f = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(f, fcntl.LOCK_EX); open("/run/held", "w"); time.sleep(1000)'`)
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "test", "-e", "/run/held")
	h.Must(t, "sysctr", "hook", "poke", "--source", "e2e")
	h.Until(t, time.Minute, func(r e2e.Result) bool { return strings.Contains(r.Stderr, "waiting: python3 (pid ") }, "sysctr", "hook", "status")
}

func (h refreshHost) free(t *testing.T) {
	t.Helper()
	h.Sh(t, "systemctl stop holder; rm -f /run/held")
}

func TestHookStartsARefresh(t *testing.T) {
	h := newRefreshHost(t)
	h.idle(t)
	if got := h.Sh(t, "systemctl is-enabled "+refreshPath+" sysctr-refresh.timer; systemctl is-active sysctr-refresh.timer"); got != "enabled\nenabled\nactive" {
		t.Errorf("units: %s", got)
	}
	started := func() string { return h.show(t, refreshUnit, "InvocationID") }
	before := started()
	h.Sh(t, "pack a 1; dpkg -i /root/debs/a-1.deb")
	h.idle(t)
	if after := started(); after == before {
		t.Error("a run of dpkg started no refresh")
	}
	if got := h.show(t, refreshUnit, "Result"); got != "success" {
		t.Errorf("the refresh ended with %s", got)
	}
	before = started()
	h.Sh(t, "mv "+hookScript+" /root; pack a 2; dpkg -i /root/debs/a-2.deb; mv /root/pkg-hook "+hookScript)
	h.idle(t)
	if after := started(); after == before {
		t.Error("without the script, the change of the database started no refresh")
	}
	t.Run("a burst", func(t *testing.T) {
		h.Sh(t, "for i in $(seq 60); do sysctr hook poke --source burst; while [ -e "+hookMark+" ]; do :; done; done")
		h.idle(t)
	})
	t.Run("no program", func(t *testing.T) {
		h.Sh(t, "mv /usr/local/bin/sysctr /root; "+hookScript+" e2e")
		h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "test", "!", "-e", hookMark)
		h.Sh(t, "mv /root/sysctr /usr/local/bin; systemctl reset-failed "+refreshUnit+"; sysctr hook poke --source e2e")
		h.idle(t)
	})
}

func TestHookRefreshOnAHost(t *testing.T) {
	h := newRefreshHost(t)
	h.idle(t)
	h.waits(t)

	r := h.Run(t, "sysctr", "patch", "refresh")
	if r.Code != 0 || !strings.Contains(r.Stderr, "another refresh is at work") {
		t.Errorf("beside another: %+v", r)
	}
	pid := h.show(t, refreshUnit, "MainPID")
	h.Must(t, "kill", "-9", pid)
	h.Until(t, time.Minute, func(r e2e.Result) bool {
		now := strings.TrimSpace(r.Stdout)
		return now != pid && now != "0"
	}, "systemctl", "show", "-P", "MainPID", refreshUnit)
	if n, _ := strconv.Atoi(h.show(t, refreshUnit, "NRestarts")); n != 1 {
		t.Errorf("killed, it was started again %d times", n)
	}
	h.Must(t, "systemctl", "stop", refreshUnit)
	if got := h.show(t, refreshUnit, "ActiveState") + " " + h.show(t, refreshUnit, "Result"); got != "inactive success" {
		t.Errorf("stopped while it waits, it is %s", got)
	}
	h.detached(t)
	h.free(t)
	h.Must(t, "sysctr", "hook", "poke", "--source", "e2e")
	h.idle(t)

	t.Run("half installed", func(t *testing.T) {
		h.Sh(t, "pack bad 1 '[ -e /run/good ]'; ! dpkg -i /root/debs/bad-1.deb 2>/dev/null")
		h.Until(t, time.Minute, func(r e2e.Result) bool { return strings.Contains(r.Stderr, "held: bad") }, "sysctr", "hook", "status")
		h.Sh(t, "touch /run/good; dpkg --configure -a")
		h.idle(t)
		if log := h.Must(t, "journalctl", "-b", "-q", "--no-pager", "-u", refreshUnit); !strings.Contains(log, "held: bad") {
			t.Errorf("the journal: %s", log)
		}
	})
	t.Run("apt is killed between unpacking and configuring", func(t *testing.T) {
		h.Sh(t, `pack slow 1 '[ -e /run/good ] && exit 0; touch /run/slow; exec sleep 1000'; rm /run/good
systemd-run --quiet --unit=aptrun --setenv=DEBIAN_FRONTEND=noninteractive apt-get -qq --yes install /root/debs/slow-1.deb`)
		h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "test", "-e", "/run/slow")
		h.Must(t, "systemctl", "kill", "--signal=KILL", "aptrun") // no hook of anybody runs
		h.Until(t, time.Minute, func(r e2e.Result) bool {
			return strings.Contains(r.Stderr, "held: ") && strings.Contains(r.Stderr, "slow: ")
		}, "sysctr", "hook", "status")
		h.Sh(t, "touch /run/good; dpkg --configure -a")
		h.idle(t)
	})
	t.Run("a reboot of the host while it waits", func(t *testing.T) {
		h.waits(t)
		h.Reboot(t) // fails if the shutdown takes longer than a moment
		h.idle(t)
		h.Must(t, "test", "-d", "/run/sysctr/host")
		h.Must(t, "sysctr", "hook", "poke", "--source", "e2e")
		h.idle(t)
	})
}

// detached looks at what a refresh keeps that a script has started: nothing of the caller's.
func (h refreshHost) detached(t *testing.T) {
	t.Helper()
	got := h.Sh(t, `cd /root; exec 20</etc/passwd 30>/dev/full
systemctl stop `+refreshPath+`
FOREIGN=1 setsid sysctr patch refresh --detached </dev/null >/dev/null 2>&1 & pid=$!
until sysctr hook status 2>&1 | grep -q waiting; do :; done
ls -l /proc/$pid/fd | sed -n 's/.* -> //p' | grep -e passwd -e full || true
readlink /proc/$pid/cwd; tr '\0' '\n' </proc/$pid/environ
kill $pid; wait $pid || true; systemctl start `+refreshPath)
	if want := "/\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; got != want {
		t.Errorf("a detached refresh has %q, want %q", got, want)
	}
}
