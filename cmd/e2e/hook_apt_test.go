package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

const (
	aptDropIn  = "/etc/apt/apt.conf.d/00sysctr"
	dpkgDropIn = "/etc/dpkg/dpkg.cfg.d/sysctr"
	hookScript = "/usr/local/lib/sysctr/pkg-hook"
	hookMark   = "/run/sysctr/host/pending"
)

// hookHost is a prepared host on which nothing answers the mark, so that its lines tell who left it.
type hookHost struct{ unitHost }

func newHookHost(t *testing.T) hookHost {
	t.Helper()
	h := hookHost{newUnitHost(t, e2e.Options{})}
	h.Must(t, "systemctl", "stop", "sysctr-refresh.path", "sysctr-refresh.timer", "sysctr-refresh.service")
	// pack NAME VERSION [POSTINST]: a package of one file.
	h.Write(t, "/usr/local/bin/pack", `#!/bin/bash
set -euo pipefail
mkdir -p /root/debs; dir=$(mktemp -d); mkdir -p $dir/DEBIAN $dir/usr/share/e2e
printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n' $1 $2 >$dir/DEBIAN/control
echo $2 >$dir/usr/share/e2e/$1
[ $# -lt 3 ] || { printf '#!/bin/sh\n%s\n' "$3" >$dir/DEBIAN/postinst; chmod 755 $dir/DEBIAN/postinst; }
dpkg-deb --root-owner-group -b $dir /root/debs/$1-$2.deb >/dev/null; rm -r $dir
`, 0o755)
	return h
}

// marks returns how often each source has left the mark since the last call.
func (h hookHost) marks(t *testing.T) map[string]int {
	t.Helper()
	sources := map[string]int{}
	for line := range strings.Lines(h.Sh(t, "cat "+hookMark+" 2>/dev/null || true; rm -f "+hookMark)) {
		sources[strings.TrimSpace(line)]++
	}
	return sources
}

func (h hookHost) wantMarks(t *testing.T, what string, want map[string]int) {
	t.Helper()
	if got := h.marks(t); !maps.Equal(got, want) {
		t.Errorf("%s: marks %v, want %v", what, got, want)
	}
}

func TestHookOfAptAndDpkg(t *testing.T) {
	h := newHookHost(t)
	h.Sh(t, "for v in 1 2 3; do for p in a b c; do pack $p $v; done; done")
	apt := "apt-get -qq --yes -o Dpkg::Use-Pty=0 install"
	if got := h.Sh(t, "apt-config dump DPkg::Post-Invoke; dpkg --version >/dev/null"); !strings.Contains(got, "DPkg::Post-Invoke::sysctr ") {
		t.Errorf("apt's configuration: %s", got)
	}
	h.Sh(t, apt+" /root/debs/[abc]-1.deb")
	if got := h.marks(t); got["apt"] != 1 || got["dpkg"] == 0 {
		t.Errorf("a run of apt over three packages: %v", got)
	}
	h.Sh(t, apt+" /root/debs/[abc]-1.deb")
	h.wantMarks(t, "a run of apt that has nothing to do", map[string]int{})
	h.Sh(t, "dpkg -i /root/debs/a-2.deb")
	h.wantMarks(t, "a run of dpkg", map[string]int{"dpkg": 1})
	h.Sh(t, apt+" --download-only /root/debs/b-2.deb; apt-get -s remove b >/dev/null; dpkg -l b >/dev/null; dpkg --audit")
	h.wantMarks(t, "runs that change nothing", map[string]int{})
	out := h.Run(t, "bash", "-c", apt+" /root/debs/b-2.deb | cat; exit ${PIPESTATUS[0]}")
	if out.Code != 0 || !strings.Contains(out.Stdout, "Setting up b (2)") {
		t.Errorf("apt-get | cat: %+v", out)
	}
	h.marks(t)

	t.Run("a foreign hook fails before ours", func(t *testing.T) {
		h.Write(t, "/etc/apt/apt.conf.d/00a", "DPkg::Post-Invoke:: \"false\";\n", 0o644)
		r := h.Run(t, "bash", "-c", apt+" /root/debs/c-2.deb")
		if got := h.marks(t); r.Code != 100 || got["apt"] != 0 || got["dpkg"] == 0 {
			t.Errorf("apt ended with %d, marks %v: want the failure of the other's, and dpkg's mark", r.Code, got)
		}
		h.Sh(t, "rm /etc/apt/apt.conf.d/00a")
	})
	t.Run("a package that cannot be configured", func(t *testing.T) {
		h.Sh(t, "pack bad 1 'exit 1'")
		r := h.Run(t, "bash", "-c", apt+" /root/debs/bad-1.deb")
		if got := h.marks(t); r.Code != 100 || got["apt"] != 1 || got["dpkg"] == 0 {
			t.Errorf("apt ended with %d, marks %v", r.Code, got)
		}
		h.Sh(t, "dpkg --purge --force-all bad")
		h.marks(t)
	})
	t.Run("fifty times in a run, and ten at once", func(t *testing.T) {
		h.Sh(t, `for i in $(seq 50); do echo "DPkg::Post-Invoke::x$i \"`+hookScript+` many\";"; done >/etc/apt/apt.conf.d/90many`)
		h.Sh(t, apt+" /root/debs/a-3.deb; rm /etc/apt/apt.conf.d/90many")
		if got := h.marks(t); got["many"] != 50 || got["apt"] != 1 {
			t.Errorf("marks %v", got)
		}
		h.Sh(t, "for i in $(seq 10); do "+hookScript+" once & done; wait")
		h.wantMarks(t, "ten at once", map[string]int{"once": 10})
	})
}

// TestHookWithPartsMissing: apt and dpkg end as they do without a hook, whatever of ours is missing or full.
func TestHookWithPartsMissing(t *testing.T) {
	h := newHookHost(t)
	h.Sh(t, "pack a 1")
	runs := "export DEBIAN_FRONTEND=noninteractive; apt-get -qq --yes -o Dpkg::Use-Pty=0 install /root/debs/a-1.deb 2>&1; dpkg -i /root/debs/a-1.deb 2>&1; dpkg --purge a 2>&1"
	h.Sh(t, "sysctr hook remove 2>/dev/null")
	without := h.Sh(t, runs)
	h.Sh(t, "sysctr hook install 2>/dev/null")
	for _, test := range []struct{ summary, before, after string }{
		{"nothing", ":", ":"},
		{"the script", "mv " + hookScript + " /root/script", "mv /root/script " + hookScript},
		{"the program", "mv /usr/local/bin/sysctr /root/sysctr", "mv /root/sysctr /usr/local/bin/sysctr"},
		{"/run/sysctr/host", "mv /run/sysctr/host /run/sysctr/away", "mv /run/sysctr/away /run/sysctr/host"},
		{"room", "mount -t tmpfs -o size=4k e2e /run/sysctr/host; cat /dev/zero >/run/sysctr/host/filler 2>/dev/null || true", "umount /run/sysctr/host"},
		{"room for a name", "mount -t tmpfs -o nr_inodes=1 e2e /run/sysctr/host", "umount /run/sysctr/host"},
		{"a script that can be run", "chmod -x " + hookScript, "chmod +x " + hookScript},
	} {
		t.Run(test.summary, func(t *testing.T) {
			h.Sh(t, test.before)
			if with := h.Sh(t, runs); with != without {
				t.Errorf("with the hook:\n%s\nwithout:\n%s", with, without)
			}
			h.Sh(t, test.after)
		})
	}
}

// TestHookInAContainer: the host's drop-ins are not seen inside, and the script does nothing there.
func TestHookInAContainer(t *testing.T) {
	h := newHookHost(t)
	h.Sh(t, "pack a 1; pack b 1")
	h.Must(t, "sysctr", "create", "c1", "--start")
	h.Sh(t, "sysctr cp /root/debs c1:/root/debs")
	h.marks(t)
	inside := func(script string) string { return h.Must(t, "sysctr", "exec", "c1", "--", "sh", "-euc", script) }
	inside(fmt.Sprintf("[ ! -e %s ]; [ ! -e %s ]; [ ! -e %s ]; ! apt-config dump | grep -q sysctr", aptDropIn, dpkgDropIn, hookScript))
	const script = "/root/pkg-hook" // as if somebody had brought it
	h.Sh(t, "sysctr cp "+hookScript+" c1:"+script)
	inside("dpkg -i /root/debs/a-1.deb; apt-get -qq --yes -o Dpkg::Use-Pty=0 install /root/debs/b-1.deb; sh " + script + " apt; [ ! -e /run/sysctr ]")
	h.wantMarks(t, "package managers in a container", map[string]int{})
	inside("mkdir -p /run/sysctr/host; sh " + script + " apt; [ -s " + hookMark + " ]")
	h.wantMarks(t, "a container with a directory of its own", map[string]int{})
	inside("for u in path timer service; do [ $(systemctl show -P LoadState sysctr-refresh.$u) = not-found ]; done")
	if got := h.Must(t, "systemctl", "show", "-P", "ActiveState", "sysctr-refresh.service"); got != "inactive" {
		t.Errorf("the host's refresh is %s", got)
	}
}

// hookItem is what the verbs say of one drop-in.
type hookItem struct {
	Name, Action, State string
	Changed             bool
	Error               *struct{ Code, Message, Hint string }
}

func (h hookHost) hook(t *testing.T, wantCode int, args ...string) map[string]hookItem {
	t.Helper()
	r := h.Run(t, append([]string{"sysctr", "hook", "-o", "json"}, args...)...)
	var result struct{ Items []hookItem }
	if err := json.Unmarshal([]byte(r.Stdout), &result); err != nil || r.Code != wantCode {
		t.Fatalf("hook %q: exit code %d, want %d; %v: %s%s", args, r.Code, wantCode, err, r.Stdout, r.Stderr)
	}
	items := map[string]hookItem{}
	for _, i := range result.Items {
		items[i.Name] = i
	}
	return items
}

func TestHookKeepsAnEdit(t *testing.T) {
	h := newHookHost(t)
	if items := h.hook(t, 0, "status"); items["apt"].State != "current" || items["dpkg"].State != "current" || items["script"].State != "current" {
		t.Errorf("after host init: %+v", items)
	}
	if items := h.hook(t, 0, "install"); items["apt"].Changed || items["apt"].Action != "none" || len(items) != 4 { // apt, dpkg, and of a Debian server cron and needrestart
		t.Errorf("once more: %+v", items)
	}
	h.Sh(t, "echo '// mine' >>"+aptDropIn)
	if items := h.hook(t, 7, "status"); items["apt"].State != "edited" {
		t.Errorf("after an edit: %+v", items)
	}
	for _, verb := range []string{"install", "remove"} {
		item := h.hook(t, 3, verb)["apt"]
		if item.Changed || item.Error == nil || item.Error.Code != "exists" || !strings.Contains(item.Error.Message, aptDropIn) || item.Error.Hint == "" {
			t.Errorf("%s over an edit: %+v, %+v", verb, item, item.Error)
		}
	}
	if got := h.Sh(t, "tail -n 1 "+aptDropIn+"; [ ! -e "+dpkgDropIn+" ]"); got != "// mine" {
		t.Errorf("the edit is %q", got)
	}
	if items := h.hook(t, 0, "install", "--force", "--dry-run"); !items["apt"].Changed || items["apt"].State != "edited" {
		t.Errorf("dry run: %+v", items)
	}
	if items := h.hook(t, 0, "install", "--force"); !items["apt"].Changed || items["apt"].State != "current" || items["dpkg"].State != "current" {
		t.Errorf("with force: %+v", items)
	}
	h.hook(t, 0, "remove")
	h.hook(t, 0, "remove")
	if left := h.Sh(t, "find /etc /usr/lib /usr/share -path '*sysctr*' -not -path '/etc/sysctr*' -not -path '/etc/sysctl.d/*' -not -path '/etc/systemd/*'"); left != "" {
		t.Errorf("left by remove: %s", left)
	}
	h.Sh(t, "sysctr host init --no-hooks 2>/dev/null; [ ! -e "+aptDropIn+" ]; sysctr host init 2>/dev/null; [ -e "+aptDropIn+" ]; sysctr host remove 2>/dev/null")
	if left := h.Sh(t, "find /etc /run /var -xdev -path '*sysctr*' -not -path '/run/log/*' -not -path '/var/log/*'"); left != "" {
		t.Errorf("left by host remove: %s", left)
	}
}

// TestHookNeedrestart lets needrestart restart what it finds after the monitors' own library was replaced: not the containers, whose services it would
// restart without the drop-in.
func TestHookNeedrestart(t *testing.T) {
	t.Parallel()
	h := newHookHost(t)
	h.Must(t, "sysctr", "create", "web1", "--start")
	lib := h.Sh(t, "readlink -f /usr/lib/*/liblxc.so.1")
	h.Sh(t, "cp -p "+lib+" "+lib+".n; mv "+lib+".n "+lib)
	before := h.see(t, "web1")
	out := h.Must(t, "needrestart", "-v", "-r", "a", "-l")
	if after := h.see(t, "web1"); after.PID != before.PID || after.MainPID != before.MainPID {
		t.Errorf("the container was restarted: %+v, %+v\n%s", before, after, out)
	}
	h.Must(t, "sysctr", "hook", "remove")
	if out = h.Must(t, "needrestart", "-v", "-r", "a", "-l"); !strings.Contains(out, "systemctl restart sysctr@web1.service") {
		t.Errorf("without the drop-in it restarts\n%s", out)
	}
	h.again(t, "web1", before)
}
