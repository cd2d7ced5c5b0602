package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalInside looks at this machine from inside of a default container.
func TestLocalInside(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("in"), l.name("neighbour"), "--start")
	t.Run("root is not root of the host", func(t *testing.T) { localIDs(t, l) })
	t.Run("sealed files", func(t *testing.T) { localSealed(t, l) })
	t.Run("secrets", func(t *testing.T) { localSecrets(t, l) })
	t.Run("the host's state", func(t *testing.T) { localHidden(t, l) })
	t.Run("identity", func(t *testing.T) { localIdentity(t, l) })
	t.Run("clean boot", func(t *testing.T) { localBoot(t, l) })
	t.Run("nothing leaks into exec", func(t *testing.T) { localNoLeak(t, l) })
}

func localIDs(t *testing.T, l *local) {
	if got := l.sh(t, "in", "id -u; awk '{print $1, $3}' /proc/1/uid_map"); got != "0\n0 65536" {
		t.Errorf("inside: %q", got)
	}
	pid := strconv.Itoa(l.look(t, "in").PID)
	maps := map[string]bool{}
	for _, n := range []string{"in", "neighbour"} {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(l.look(t, n).PID) + "/uid_map")
		fields := strings.Fields(string(text))
		if err != nil || len(fields) != 3 {
			t.Fatalf("uid_map of %s: %q %v", n, text, err)
		}
		if start, _ := strconv.Atoi(fields[1]); start < 1<<30 {
			t.Errorf("uid 0 of %s is %d outside", n, start)
		}
		maps[fields[1]] = true
	}
	if len(maps) != 2 {
		t.Errorf("neighbours share ids: %v", maps)
	}
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(status), "\nUid:\t0\t") || !strings.Contains(string(status), "\nSeccomp:\t2\n") {
		t.Errorf("init as the host sees it: %s", status)
	}
}

// localSealed holds the promise that no container opens what an unprivileged user of the host cannot, whenever it got its mode.
func localSealed(t *testing.T, l *local) {
	const dir = "/var/cache/sysctr/"
	sealed, twin, later := dir+l.prefix+"sealed", dir+l.prefix+"twin", dir+l.prefix+"later"
	write(t, sealed, "secret\n", 0o600)
	write(t, twin, "public\n", 0o644)
	write(t, later, "once public\n", 0o644)
	if r := l.try(t, "in", "cat "+sealed); r.Code == 0 || !strings.Contains(r.Stderr, "Permission denied") || r.Stdout != "" {
		t.Errorf("a file that was made 0600 after the start: %+v, want EACCES", r)
	}
	if got := l.sh(t, "in", "cat "+twin); got != "public" {
		t.Errorf("its readable twin holds %q", got)
	}
	if got := l.sh(t, "in", "cat "+later); got != "once public" {
		t.Errorf("a readable file holds %q", got)
	}
	if err := os.Chmod(later, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"cat ", "chmod 644 ", "cp -a --target-directory=/tmp ", "ln --target-directory=/tmp ", "mv --target-directory=/tmp ", "echo more >>"} {
		if r := l.try(t, "in", how+later); r.Code == 0 {
			t.Errorf("%s%s, 0600 by now, succeeds: %+v", how, later, r)
		}
	}
	if text, err := os.ReadFile(later); err != nil || string(text) != "once public\n" {
		t.Errorf("on the host it holds %q: %v", text, err)
	}
}

func localSecrets(t *testing.T, l *local) {
	shadow, err := os.ReadFile("/etc/shadow")
	if err != nil {
		t.Fatal(err)
	}
	inside := l.sh(t, "in", "cat /etc/shadow")
	for line := range strings.Lines(string(shadow)) {
		if hash := strings.Split(line, ":")[1]; len(hash) > 3 && strings.Contains(inside, hash) {
			t.Errorf("/etc/shadow has a hash of the host's: user %q", strings.Split(line, ":")[0])
		}
	}
	for line := range strings.Lines(inside + "\n") {
		if hash := strings.Split(line, ":")[1]; hash != "*" && hash != "!" && hash != "!*" {
			t.Errorf("/etc/shadow has the password field %q", hash)
		}
	}
	if r := l.try(t, "in", "ls /etc/shadow- /etc/gshadow- /etc/ssh/ssh_host_* 2>/dev/null"); r.Stdout != "" {
		t.Errorf("visible: %q", r.Stdout)
	}
}

func localHidden(t *testing.T, l *local) {
	if got := l.sh(t, "in", "ls -A /home /srv /mnt /media /boot | grep -v : | grep . || true"); got != "" {
		t.Errorf("the host's directories hold %q", got)
	}
	rooted, err := os.ReadDir("/root")
	if err != nil {
		t.Fatal(err)
	}
	inside := strings.Fields(l.sh(t, "in", "ls -A /root"))
	for _, e := range rooted {
		for _, have := range inside {
			if skel, _ := os.Stat("/etc/skel/" + have); have == e.Name() && skel == nil {
				t.Errorf("/root has the host's %s", have)
			}
		}
	}
	for _, path := range []string{stateDir, runDir, "/etc/sysctr", stateDir + "/containers"} {
		if r := l.try(t, "in", "ls -d "+path); r.Code == 0 {
			t.Errorf("%s is there", path)
		}
	}
	// A file of the neighbour's delta is nowhere: not by name below /, not through its own root.
	l.sh(t, "neighbour", "echo mine >/opt/"+l.prefix+"delta")
	if r := l.try(t, "in", "find / -xdev -name '"+l.prefix+"delta' 2>/dev/null"); strings.Contains(r.Stdout, l.prefix) {
		t.Errorf("the neighbour's delta is visible: %q", r.Stdout)
	}
	if got := l.sh(t, "in", "ls /proc | grep -c '^[0-9]'"); len(got) > 2 {
		t.Errorf("%s processes are visible", got)
	}
}

func localIdentity(t *testing.T, l *local) {
	host, err := os.ReadFile("/etc/machine-id")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	in, neighbour := l.sh(t, "in", "cat /etc/machine-id"), l.sh(t, "neighbour", "cat /etc/machine-id")
	if len(in) != 32 || in == neighbour || in == strings.TrimSpace(string(host)) {
		t.Errorf("machine ids: %q, neighbour %q, host %q", in, neighbour, host)
	}
	for _, command := range []string{"hostname", "cat /etc/hostname", "uname -n", "hostnamectl hostname", "getent hosts " + l.name("in") + " | awk '{print $2}'"} {
		if got := strings.TrimSuffix(l.sh(t, "in", command), ".sysctr"); got != l.name("in") {
			t.Errorf("%s says %q", command, got)
		}
	}
	l.sh(t, "in", "systemctl is-active dbus")
	l.must(t, "restart", l.name("in"))
	if again := l.sh(t, "in", "cat /etc/machine-id"); again != in {
		t.Errorf("after a restart the machine id is %q, it was %q", again, in)
	}
}

func localBoot(t *testing.T, l *local) {
	for _, n := range []string{"in", "neighbour"} {
		if got := l.sh(t, n, "systemctl is-system-running"); got != "running" {
			t.Errorf("%s is %s", n, got)
		}
		if got := l.sh(t, n, "systemctl --failed --plain --no-legend"); got != "" {
			t.Errorf("%s has failed units: %s", n, got)
		}
		l.sh(t, n, "test -e /var/log/journal/*/system.journal; test -z \"$(ls -A /run/log/journal 2>/dev/null)\"; test ! -e /run/nologin")
		running := l.sh(t, n, "systemctl list-units --type=service --state=running --plain --no-legend")
		if count := strings.Count(running+"\n", "\n"); count > 5 {
			t.Errorf("%s runs %d services:\n%s", n, count, running)
		}
	}
}

// localNoLeak looks for what an operator's shell could hand in: variables and open files.
func localNoLeak(t *testing.T, l *local) {
	t.Setenv("SECRET_TOKEN", "hunter2")
	t.Setenv("LD_PRELOAD_NOT", "x")
	secret, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	cmd := l.command(t, "exec", "-e", "ASKED=for", l.name("in"), "--", "sh", "-c", "env; ls -l /proc/self/fd; pwd; cat /proc/self/status")
	cmd.ExtraFiles = []*os.File{secret}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("exec: %v: %s", err, out)
	}
	text := string(out)
	for _, bad := range []string{"SECRET_TOKEN", "hunter2", "LD_PRELOAD_NOT", "SYSCTR", "LXC_MEMFD", "SUDO", secret.Name(), filepath.Dir(l.binary)} {
		if strings.Contains(text, bad) {
			t.Errorf("the container sees %q:\n%s", bad, text)
		}
	}
	if !strings.Contains(text, "ASKED=for\n") || !strings.Contains(text, "\n/\n") || !strings.Contains(text, "HOME=/root\n") {
		t.Errorf("inside there is not the designed environment:\n%s", text)
	}
	if fds := l.sh(t, "in", "ls /proc/self/fd | tr '\\n' ' '"); fds != "0 1 2 3 " {
		t.Errorf("open descriptors %q, want 0, 1, 2 and that of ls itself", fds)
	}
	if pipes := l.sh(t, "in", "readlink /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 | grep -vc ^pipe: || true"); pipes != "0" {
		t.Errorf("%s of the standard streams are no pipes", pipes)
	}
}
