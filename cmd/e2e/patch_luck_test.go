package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// luckHost is a fleet host whose containers count how often they are started. Those of the profile "seen" have the files of the packages luck1, luck2
// and so on open, so that a new version of any makes them stale; those of the profile "blind" have nothing to do with them. Each story takes a
// package of its own: having looked for a changed path in a container makes that remember it, see manager/evidence.
type luckHost struct{ fleetHost }

func newLuckHost(t *testing.T, policy string) luckHost {
	t.Helper()
	h := luckHost{newFleetHost(t, policy)}
	for profile, rest := range map[string]string{
		"blind": "/bin/sleep infinity", "seen": "perl -e 'for (@ARGV) { open my $h, q(<), $_; push @h, $h } sleep' /usr/share/luck*",
	} {
		// One that is armed closes its gate when it is started: its probe then waits until somebody opens it.
		h.Write(t, "/etc/sysctr/profiles/"+profile+".yaml", `extends: command
command: [/bin/sh, -c, "echo boot >>/opt/boots; [ ! -e /opt/armed ] || mv /opt/armed /opt/closed; exec `+rest+`"]
patch: {probe: [/bin/sh, -c, 'while [ -e /opt/closed ]; do sleep 0.1; done'], probe_timeout: 2m}
`, 0o644)
	}
	for n := range luckPackages {
		h.Copy(t, h.small(t, fmt.Sprint("luck", n), "1"), "/root")
	}
	h.Sh(t, "dpkg -i /root/luck*.deb; rm /root/luck*.deb")
	h.quiet(t)
	return h
}

const luckPackages = 14

// patch puts another version of the nth package on the host, as /root/luck.deb, and does not install it.
func (h luckHost) patch(t *testing.T, n int) {
	t.Helper()
	h.Copy(t, h.small(t, fmt.Sprint("luck", n), "2"), "/root/luck.deb")
}

// counts is how often each container that runs has been started.
func (h luckHost) counts(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for name := range h.inits(t) {
		counts[name] = strings.Count(h.Must(t, "sysctr", "exec", name, "--", "cat", "/opt/boots"), "boot")
	}
	return counts
}

// restarted wants each container that has luck open to have been started so often since before, and no other.
func (h luckHost) restarted(t *testing.T, before map[string]int, times int) {
	t.Helper()
	after := h.counts(t)
	for name, n := range before {
		want := n
		if strings.HasPrefix(name, "seen") {
			want += times
		}
		if after[name] != want {
			t.Errorf("%s was started %d times more, want %d", name, after[name]-n, want-n)
		}
	}
}

// finished waits until so many rolls are over, and nothing is at work any more.
func (h luckHost) finished(t *testing.T, rolls int) {
	t.Helper()
	h.Until(t, 2*time.Minute, func(r e2e.Result) bool {
		var list struct{ Items []rolled }
		return json.Unmarshal([]byte(r.Stdout), &list) == nil && len(list.Items) >= rolls && list.Items[0].State == "finished"
	}, "sysctr", "patch", "history", "-o", "json")
	h.quiet(t)
	if all := h.rolls(t); len(all) != rolls {
		t.Errorf("%d rolls, want %d: %+v", len(all), rolls, all)
	}
}

// once does something that ends with a new version on the host, and wants one roll that restarts each affected container once.
func (h luckHost) once(t *testing.T, do func()) {
	t.Helper()
	before, rolls := h.counts(t), len(h.rolls(t))
	do()
	h.finished(t, rolls+1)
	h.restarted(t, before, 1)
	h.Must(t, "sysctr", "patch", "verify")
}

// hour does what the timer does every hour.
func (h luckHost) hour(t *testing.T) {
	t.Helper()
	h.Must(t, "systemctl", "start", refreshUnit)
}

const luckApt = "DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --allow-downgrades -o Dpkg::Use-Pty=0 install /root/luck.deb"

// TestPatchLuck lets package managers and hooks go wrong in every way known, on one host.
func TestPatchLuck(t *testing.T) {
	t.Parallel()
	h := newLuckHost(t, ", batch: 3, max_unavailable: 3")
	h.Must(t, "sysctr", "create", "seen<1..3>", "--start", "--profile", "seen")
	h.Must(t, "sysctr", "create", "blind", "--start", "--profile", "blind")
	for n, story := range []struct {
		name string
		do   func(t *testing.T, h luckHost)
	}{
		{"fifty times in a run", func(t *testing.T, h luckHost) {
			h.Sh(t, `for i in $(seq 50); do echo "DPkg::Post-Invoke::x$i \"`+hookScript+` many\";"; done >/etc/apt/apt.conf.d/90many; `+luckApt+`; rm /etc/apt/apt.conf.d/90many`)
		}},
		{"ten at once", func(t *testing.T, h luckHost) {
			h.Sh(t, luckApt+"; for i in $(seq 10); do "+hookScript+" once & done; wait")
		}},
		{"a foreign hook that fails", func(t *testing.T, h luckHost) {
			h.Write(t, "/etc/apt/apt.conf.d/00a", "DPkg::Post-Invoke:: \"false\";\n", 0o644)
			if r := h.Run(t, "bash", "-c", luckApt); r.Code != 100 {
				t.Errorf("apt's status is %d, want the 100 of the foreign hook", r.Code)
			}
			h.Sh(t, "rm /etc/apt/apt.conf.d/00a")
		}},
		{"bare dpkg", func(t *testing.T, h luckHost) { h.Must(t, "dpkg", "-i", "/root/luck.deb") }},
		{"no script", func(t *testing.T, h luckHost) {
			h.Sh(t, "mv "+hookScript+" /root/script; "+luckApt+"; mv /root/script "+hookScript)
		}},
		{"no program", func(t *testing.T, h luckHost) {
			h.Sh(t, "mv /usr/local/bin/sysctr /root/sysctr; "+luckApt)
			h.quiet(t)
			h.Sh(t, "mv /root/sysctr /usr/local/bin/sysctr")
			h.hour(t)
		}},
		{"no /run/sysctr/host", func(t *testing.T, h luckHost) {
			h.Sh(t, "mv /run/sysctr/host /run/sysctr/away; "+luckApt)
			h.quiet(t)
			h.Sh(t, "rm -rf /run/sysctr/host; mv /run/sysctr/away /run/sysctr/host")
			h.hour(t)
		}},
		{"nothing in /run/sysctr", func(t *testing.T, h luckHost) {
			h.Sh(t, "mount -t tmpfs -o mode=0711 none /run/sysctr; "+luckApt)
			h.Run(t, "systemctl", "start", refreshUnit) // whatever it says, it must not touch what it knows nothing of
			h.quiet(t)
			h.Must(t, "umount", "--recursive", "/run/sysctr")
			h.Must(t, "ls", "/run/sysctr/host")
			h.hour(t)
		}},
		{"apt is killed before it configures", killedApt},
	} {
		t.Run(story.name, func(t *testing.T) {
			h.patch(t, n)
			h.once(t, func() { story.do(t, h) })
		})
	}
	t.Run("while one waits for its window", func(t *testing.T) { h.apart(t) })
	t.Run("sysctr is upgraded in the same run", func(t *testing.T) { h.upgraded(t) })
}

// killedApt kills apt between unpacking and configuring: nothing is done, and it is said why, until somebody finishes the installation.
func killedApt(t *testing.T, h luckHost) {
	before, rolls := h.counts(t), len(h.rolls(t))
	h.Write(t, "/root/slow/DEBIAN/control", "Package: slow\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a story\n", 0o644)
	h.Write(t, "/root/slow/DEBIAN/postinst", "#!/bin/sh\n[ -e /run/good ] && exit 0\ntouch /run/slow\nexec sleep 1000\n", 0o755)
	h.Sh(t, `dpkg-deb -b /root/slow /root/slow.deb; rm -f /run/good /run/slow
systemd-run --quiet --unit=aptrun --setenv=DEBIAN_FRONTEND=noninteractive apt-get -qq --yes install /root/luck.deb /root/slow.deb`)
	h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "test", "-e", "/run/slow")
	h.Must(t, "systemctl", "kill", "--signal=KILL", "aptrun")
	said := h.Until(t, time.Minute, func(r e2e.Result) bool { return strings.Contains(r.Stderr, "held: ") }, "sysctr", "patch", "status")
	if !strings.Contains(said.Stderr, "slow: ") {
		t.Errorf("patch status does not say what it waits for: %s", said.Stderr)
	}
	h.restarted(t, before, 0)
	if all := h.rolls(t); len(all) != rolls {
		t.Errorf("rolls while packages are half installed: %+v", all)
	}
	h.Sh(t, "touch /run/good; dpkg --configure -a")
}

// apart patches twice while one container waits for its window: the others get each at once, in the same roll.
func (h luckHost) apart(t *testing.T) {
	day := time.Now().UTC().AddDate(0, 0, 3).Format("Mon")
	h.Write(t, "/etc/sysctr/profiles/late.yaml", `extends: command
command: [/bin/sh, -c, "echo boot >>/opt/boots; exec perl -e 'for (@ARGV) { open my $h, q(<), $_; push @h, $h } sleep' /usr/share/luck*"]
patch: {window: ["`+day+` 12:00-12:01 UTC"]}
`, 0o644)
	h.Must(t, "sysctr", "create", "late", "--start", "--profile", "late")
	before, rolls := h.counts(t), len(h.rolls(t))
	for times, n := range []int{12, 13} {
		h.patch(t, n)
		h.Must(t, "dpkg", "-i", "/root/luck.deb")
		h.Until(t, time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "sysctr", "patch", "verify", "seen*")
		h.restarted(t, before, times+1)
	}
	if all := h.rolls(t); len(all) != rolls+1 || all[0].State != "running" {
		t.Errorf("rolls while one waits: %+v", all)
	}
	h.Must(t, "sysctr", "patch", "abort")
	h.quiet(t)
	h.Must(t, "sysctr", "destroy", "late", "--yes", "--force")
}

// upgraded has the package that is installed replace sysctr, too, which concerns no container: not even those that looked for it.
func (h luckHost) upgraded(t *testing.T) {
	h.inside(t, "blind", "cd /usr/local; for f in bin/sysctr lib/sysctr share/man/man8/sysctr-list.8 lib/systemd/system/sysctr*; do [ ! -e $f ]; done")
	before, rolls := h.counts(t), len(h.rolls(t))
	h.patch(t, 10)
	h.Sh(t, `dpkg-deb -R /root/luck.deb /root/up; cat >/root/up/DEBIAN/postinst <<'E'
#!/bin/sh
set -e
cp -p /usr/local/bin/sysctr /usr/local/bin/.sysctr.new; echo >>/usr/local/bin/.sysctr.new; mv -T /usr/local/bin/.sysctr.new /usr/local/bin/sysctr
E
chmod 755 /root/up/DEBIAN/postinst; dpkg-deb -b /root/up /root/luck.deb >/dev/null`)
	h.Sh(t, luckApt)
	h.finished(t, rolls+1)
	h.restarted(t, before, 1)
	h.Must(t, "sysctr", "patch", "verify")
	h.patch(t, 11)
	h.Sh(t, luckApt)
	h.Install(t) // while the refresh that dpkg has asked for is at work
	h.finished(t, rolls+2)
	h.restarted(t, before, 2)
	h.Must(t, "sysctr", "patch", "verify")
}
