package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

func TestVMBoots(t *testing.T) {
	t.Parallel()
	out := e2e.RunVM(t, e2e.VM{
		Files: map[string]string{"/srv/given": "by the test\n"},
		Boots: 2,
		Script: `
set -eu
echo "boot $BOOT"
echo "kernel $(uname -r)"
echo "cgroup $(stat -fc %T /sys/fs/cgroup) $(cat /sys/fs/cgroup/cgroup.controllers)"
echo "apparmor $(cat /sys/module/apparmor/parameters/enabled)"
echo "newuidmap $(command -v newuidmap)"
echo "state $(systemctl is-system-running || systemctl --failed --plain --no-legend)"
echo "root $(findmnt -no FSTYPE /)"
cat /srv/given
case $BOOT in
1) touch /var/kept /run/volatile ;;
2) ls /var/kept; ls /run/volatile 2>/dev/null || echo "/run is new" ;;
esac
`,
	})
	first, second, ok := strings.Cut(out, "boot 2\n")
	if !ok {
		t.Fatalf("no second boot:\n%s", out)
	}
	for _, test := range []struct{ summary, out, want string }{
		{"kernel of Debian 12", first, `(?m)^kernel 6\.1\.`},
		{"pure cgroup v2 with the controllers of limits", first, `(?m)^cgroup cgroup2fs .*\bcpu\b.*\bmemory\b.*\bpids\b`},
		{"AppArmor is on", first, `(?m)^apparmor Y$`},
		{"uidmap is installed", first, `(?m)^newuidmap /usr/bin/newuidmap$`},
		{"no unit failed", first, `(?m)^state running$`},
		{"no overlay", first, `(?m)^root ext4$`},
		{"files arrive", first, `(?m)^by the test$`},
		{"files stay", second, `(?m)^by the test$`},
		{"the disk stays", second, `(?m)^/var/kept$`},
		{"it was a reboot", second, `(?m)^/run is new$`},
	} {
		if !regexp.MustCompile(test.want).MatchString(test.out) {
			t.Errorf("%s: no line matches %s", test.summary, test.want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestStory(t *testing.T) {
	for _, test := range []struct {
		summary, out, text string
		code               int
	}{
		{summary: "success", out: "e2e: boot 1\r\nhello\r\ne2e: exit 0\r\n", text: "hello\n", code: 0},
		{summary: "failure", out: "e2e: boot 1\nhello\ne2e: exit 3\n", text: "hello\n", code: 3},
		{summary: "two boots", out: "e2e: boot 1\na\ne2e: boot 2\nb\ne2e: exit 0\n", text: "a\nb\n", code: 0},
		{summary: "no end", out: "e2e: boot 1\nhello\n", text: "hello\n", code: -1},
		{summary: "half an end", out: "e2e: boot 1\ne2e: exit 0", text: "", code: -1},
		{summary: "an end within a line", out: "hello e2e: exit 0\n", text: "hello e2e: exit 0\n", code: -1},
		{summary: "nothing", code: -1},
	} {
		t.Run(test.summary, func(t *testing.T) {
			text, code := e2e.Story(test.out)
			if text != test.text || code != test.code {
				t.Errorf("Story(%q) = %q, %d, want %q, %d", test.out, text, code, test.text, test.code)
			}
		})
	}
}
