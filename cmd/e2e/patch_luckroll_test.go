package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// gated patches the nth package, and returns when the roll of it has restarted one container and waits for the probe of that: the one
// that is armed. What is due after it has not been touched.
func (h luckHost) gated(t *testing.T, n int, armed string) {
	t.Helper()
	h.patch(t, n)
	h.inside(t, armed, "touch /opt/armed")
	h.Must(t, "dpkg", "-i", "/root/luck.deb")
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "sysctr", "exec", armed, "--", "test", "-e", "/opt/closed")
}

func (h luckHost) open(t *testing.T, armed string) {
	t.Helper()
	h.inside(t, armed, "rm /opt/closed")
}

// TestPatchLuckInterrupted interrupts rolls and those who drive them.
func TestPatchLuckInterrupted(t *testing.T) {
	t.Parallel()
	h := newLuckHost(t, ", canary: none, batch: 1, max_unavailable: 1")
	for i := range 16 {
		h.Must(t, "sysctr", "create", fmt.Sprintf("seen%d", i), "--start", "--profile", "seen", "--set", fmt.Sprintf("priority=%d", 90-i), "--set", "autostart=true")
	}
	h.Must(t, "sysctr", "create", "blind", "--start", "--profile", "blind", "--set", "autostart=true")
	const armed = "seen3"
	t.Run("systemd is executed again, and somebody works with the packages", func(t *testing.T) {
		h.once(t, func() {
			h.gated(t, 1, armed)
			h.Must(t, "systemctl", "daemon-reexec")
			h.working(t, armed)
		})
	})
	t.Run("a change during the roll", func(t *testing.T) { h.during(t, armed) })
	t.Run("killed at twenty moments", func(t *testing.T) { h.once(t, func() { h.killed(t, 4) }) })
	for i, down := range []struct {
		name string
		do   func()
	}{{"a reboot", func() { h.Reboot(t) }}, {"a crash", func() { h.Crash(t) }}} {
		t.Run(down.name, func(t *testing.T) { h.rebooted(t, 5+i, armed, down.do) })
	}
}

// during installs a version while a roll waits in its middle: those that were restarted before get a roll of their own afterwards.
func (h luckHost) during(t *testing.T, armed string) {
	before, rolls := h.counts(t), len(h.rolls(t))
	h.gated(t, 2, armed)
	middle := h.counts(t)
	h.patch(t, 3)
	h.Must(t, "dpkg", "-i", "/root/luck.deb")
	h.open(t, armed)
	h.finished(t, rolls+2)
	for name, n := range h.counts(t) {
		want := 1 // restarted after the second change, they have both
		if middle[name] > before[name] {
			want = 2
		}
		if name == "blind" {
			want = 0
		}
		if n-before[name] != want {
			t.Errorf("%s was started %d times more, want %d", name, n-before[name], want)
		}
	}
	h.Must(t, "sysctr", "patch", "verify")
}

// working has somebody lock the packages while a roll waits in its middle: no further restart is begun until they are free.
func (h luckHost) working(t *testing.T, armed string) {
	middle := h.counts(t)
	h.Write(t, "/root/work", `open my $lock, "+<", "/var/lib/dpkg/lock-frontend" or die;
my $all = pack "s s x4 q q i x4", 1, 0, 0, 0, 0; # F_WRLCK
fcntl $lock, 6, $all or die; # F_SETLK
open my $done, ">", "/run/locked"; sleep;
`, 0o644)
	h.Sh(t, "rm -f /run/locked; systemd-run --quiet --unit=worker perl /root/work")
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "test", "-e", "/run/locked")
	h.open(t, armed)
	done := 0
	h.Until(t, time.Minute, func(e2e.Result) bool {
		now := h.rolls(t)[0]
		again := now.Done == done && done > 3 // nobody since the last look: the armed one is the fourth
		done = now.Done
		return again
	}, "true")
	h.restarted(t, middle, 0)
	if now := h.rolls(t)[0]; now.Done != 4 || now.State != "running" {
		t.Errorf("while packages are changed: %+v", now)
	}
	h.Must(t, "systemctl", "stop", "worker")
}

// killed kills whoever refreshes at twenty moments: the first few while it waits for quiet and looks, all others when a roll has been written down,
// which is before each restart, or as much later as it takes to list the containers a few times.
func (h luckHost) killed(t *testing.T, n int) {
	h.Write(t, "/etc/systemd/system/"+refreshUnit+".d/soon.conf", "[Service]\nRestartSec=0\n", 0o644)
	h.Must(t, "systemctl", "daemon-reload")
	h.patch(t, n)
	h.Must(t, "dpkg", "-i", "/root/luck.deb")
	got := h.Sh(t, `
unit=`+refreshUnit+`; rolls=/var/lib/sysctr/rolls; n=0
newest() { stat -c '%n %i %z' $rolls/[0-9]*.json 2>/dev/null | sort | tail -n 1; }
over() { sysctr patch history -o json | grep -q '"running"' && return 1; [ $seen = 1 ]; }
slay() { # the process of the unit, whichever it is now
	pid=0; while [ $pid = 0 ]; do pid=$(systemctl show -P MainPID $unit); done
	was="$was $1"; kill -9 $pid 2>/dev/null && n=$((n+1)); while [ $(systemctl show -P MainPID $unit) = $pid ]; do :; done; }
was= seen=0 last=$(newest)
slay settling; slay starting; slay settling
while [ $n -lt 20 ]; do
	now=$last
	while [ "$now" = "$last" ]; do
		if [ $seen = 1 ] && over; then break 2; fi
		now=$(newest)
	done
	last=$now seen=1
	for _ in $(seq $((n % 4 * 3))); do sysctr list >/dev/null; done
	slay "$(sysctr patch history -o json | tr -d ' \n' | grep -o '"done":[0-9]*' | head -n 1)"
done
echo "$n:$was"`)
	t.Logf("kills: %s", got)
	var kills int
	if _, err := fmt.Sscanf(got, "%d:", &kills); err != nil || kills != 20 {
		t.Errorf("killed %d times, want 20 (%v)", kills, err)
	}
	h.Sh(t, "rm -r /etc/systemd/system/"+refreshUnit+".d; systemctl daemon-reload; systemctl reset-failed "+refreshUnit+" 2>/dev/null || true")
}

// rebooted takes the host down in the middle of a roll. What was not restarted before is by the boot, and nobody is after it.
func (h luckHost) rebooted(t *testing.T, n int, armed string, down func()) {
	rolls := len(h.rolls(t))
	before := h.counts(t)
	h.gated(t, n, armed)
	middle := h.counts(t)
	down()
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "sysctr", "exec", armed, "--", "rm", "-f", "/opt/closed")
	h.hour(t) // that of a boot comes minutes later, so that hosts that were booted together do not roll together
	h.finished(t, rolls+1)
	for name, n := range h.counts(t) {
		if more := n - before[name]; more < 1 || more > 2 || strings.HasPrefix(name, "seen") && n-middle[name] > 1 {
			t.Errorf("%s was started %d times more, %d of them since the roll's middle", name, more, n-middle[name])
		}
	}
	h.Must(t, "sysctr", "patch", "verify")
}
