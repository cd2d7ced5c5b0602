package qemu_test

import (
	_ "embed"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

//go:embed testdata/qemu-story.sh
var qemuStory string

// TestQEMU is the story on another kernel: Debian 12's own 6.1, where layers go in by path and with shifted owners, with AppArmor, pure cgroup v2
// with all its controllers, and uidmap installed.
func TestQEMU(t *testing.T) {
	t.Parallel()
	// Three to five minutes: software takes ten seconds to compile one container's AppArmor policy.
	out := e2e.RunVM(t, e2e.VM{Install: true, Files: map[string]string{"/srv/given": "by the test\n"}, Script: qemuStory, Boots: 2, CPUs: 4, Timeout: 15 * time.Minute})
	t.Logf("its own clock: %s", strings.Join(regexp.MustCompile(`(?m)^at .*$`).FindAllString(out, -1), "; "))
	first, second, ok := strings.Cut(out, "boot 2\n")
	if !ok {
		t.Fatalf("no second boot:\n%s", out)
	}
	for _, test := range []struct{ summary, out, want string }{
		{"kernel", first, `^kernel 6\.1\.`},
		{"pure cgroup v2 with the controllers of limits", first, `^cgroup cgroup2fs .*\bcpu\b.*\bmemory\b.*\bpids\b`},
		{"AppArmor is on", first, `^apparmor module Y$`},
		{"uidmap is installed", first, `^newuidmap /usr/bin/newuidmap$`},
		{"no unit failed", first, `^state running$`},
		{"no overlay", first, `^root ext4$`},
		{"files arrive", first, `^by the test$`},
		{"files stay", second, `^by the test$`},
		{"it was a reboot", second, `^/run is new$`},
		{"layers by path", first, `^.* good +by paths, with shifted owners`},
		{"the trial is sealed", first, `^layers +good .*sealed files stay sealed`},
		{"limits can be held", first, `^limits +good +memory, cpu, pids`},
		{"a further filesystem is seen", first, `^.* good +.*/opt \(ext4\)`},
		{"all ready", first, `^ready cmd1 running true, web1 running true, web2 running true, web3 running true,$`},
		{"each booted", first, `^web\[1-3\] \(3 containers\):\n  running$`},
		{"root inside", first, `^cmd1,web\[1-3\] \(4 containers\):\n  0$`},
		{"ids of its own", first, `^uid web1 0 1879113728 65536$`},
		{"owners inside", first, `^owner web1 0 0 4755 /usr/bin/passwd$`},
		{"confined, with policies of its own", first, `^apparmor web1 lxc-web1_<\S+>//&:lxc-web1_<\S+>:unconfined \(enforce\)$`},
		{"command containers too", first, `^apparmor cmd1 lxc-cmd1_<\S+>//&:lxc-cmd1_<\S+>:unconfined \(enforce\)$`},
		{"sealed", first, `^sealed /etc/secret: cat: /etc/secret: Permission denied; 1$`},
		{"its twin", first, `^sealed /etc/twin: open; 0$`},
		{"sealed on a further filesystem", first, `^sealed /opt/secret: cat: /opt/secret: Permission denied; 1$`},
		{"its twin there", first, `^sealed /opt/twin: open; 0$`},
		{"sealed by a later chmod", first, `^sealed /etc/closed: cat: /etc/closed: Permission denied; 1$`},
		{"no hash of the host", first, `^hashes 0$`},
		{"a neighbour by name", first, `^net web1 to web2 1 received$`},
		{"a command container by full name", first, `^net web1 to cmd1, by full name 1 received$`},
		{"a neighbour by IPv6", first, `^net web1 to web2, IPv6 1 received$`},
		{"the host reaches a container", first, `^net the host to web3 1 received$`},
		{"the host holds the network", first, `^net holds nothing$`},
		{"limits are set", first, `^limit memory 134217728 0 pids 300$`},
		{"too much memory is refused", first, `^alloc 137$`},
		{"a fork bomb stops", first, `^bomb stopped at 2[0-9][0-9] of 1000$`},
		{"and hurts nobody", first, `^after cmd1 running true, web1 running true, web2 running true, web3 running true,$`},
		{"own writes", first, `^delta mine$`},
		{"stopped by systemctl", first, `^stopped web3 stopped false, inactive$`},
		{"healed", first, `^healed new$`},
		{"no policy of a destroyed one is left", first, `^policies of gone1: 0 0 $`},
		{"a restart takes the policy from the cache", first, `^compiled once$`},
		{"exactly those of autostart come back", second, `^ready cmd1 stopped false, web1 running true, web2 running true, web3 stopped false,$`},
		{"the host is fine", second, `^state running$`},
		{"a neighbour by name after a reboot", second, `^net web1 to web2 1 received$`},
		{"deltas stay", second, `^delta mine$`},
		{"still sealed", second, `^sealed /etc/secret: cat: /etc/secret: Permission denied; 1$`},
	} {
		if !regexp.MustCompile(`(?m)` + test.want).MatchString(test.out) {
			t.Errorf("%s: no line matches %s", test.summary, test.want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
