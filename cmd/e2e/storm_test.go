package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// storm is something that root of a container can do to everybody else.
type storm struct {
	n, script string
	raging    func(*testing.T, *local, string) bool // it has what its container may have
	end       string                                // the verb that ends it
}

const (
	stormPids   = 200
	stormMemory = 128 * mebibyte
)

// storms are scripts for /bin/bash inside.
func storms() []storm {
	return []storm{
		{"forks", `bomb() { bomb | bomb & }; bomb; while :; do bomb; done`, func(t *testing.T, l *local, n string) bool {
			return l.number(t, "pids", n, "pids.current") >= stormPids-5
		}, "stop"},
		{"memory", `while :; do tail /dev/zero; done`, func(t *testing.T, l *local, n string) bool {
			var killed int
			for line := range strings.Lines(l.limit(t, "memory", n, "memory.oom_control")) { // where swap is bounded with it, memory.failcnt stays 0
				_, _ = fmt.Sscanf(line, "oom_kill %d", &killed) // other lines are others'
			}
			return killed > 0
		}, "kill"},
		// It fills the disk and leaves it full. One that snatches each block that becomes free can keep others from starting: no delta has a quota.
		{"disk", `head -c 4G /dev/zero >/var/hog; for i in {1..2000}; do : >/var/hog$i; done; sleep 1000`, func(t *testing.T, _ *local, _ string) bool {
			var fs unix.Statfs_t
			if err := unix.Statfs(stateDir, &fs); err != nil {
				t.Fatal(err)
			}
			return fs.Bavail == 0
		}, "stop"},
		{"logs", `yes flood | logger & yes flood >/dev/console & yes flood | systemd-cat & wait`, func(_ *testing.T, l *local, n string) bool {
			_, err := os.Stat(filepath.Join(stateDir, "containers", l.name(n), "console.log.1"))
			return err == nil
		}, "kill"},
		// More instances than one user may have (host init allows 32768): they are not the host's root's.
		{"kernel", `for i in 1 2 3; do /srv/storm/storm inotify 15000 & done; /srv/storm/storm mounts 5000 & wait`, func(t *testing.T, l *local, n string) bool {
			most, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
			if err != nil {
				t.Fatal(err)
			}
			instances, err := strconv.Atoi(strings.TrimSpace(string(most)))
			if err != nil {
				t.Fatal(err)
			}
			return l.mounts(n) > 4000 && l.descriptors("/srv/storm/storm inotify") >= instances
		}, "stop"},
	}
}

// TestStorm lets five containers do their worst at once. Nobody else may feel it: commands answer, another container starts, one that ran goes on.
// What it costs the machine is bounded by their limits and by a disk of their own, and by the time.
func TestStorm(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.ownDisk(t, 1<<30)
	tools := stormTools(t)
	l.must(t, "create", l.name("calm"), "--start")
	l.must(t, "create", l.name("late"))
	args := []string{"create", "--start"}
	for _, set := range []string{
		"stop.timeout=3s", fmt.Sprint("limits.memory=", stormMemory), fmt.Sprint("limits.pids=", stormPids), "limits.cpu=0.5",
		"mounts=[{source: " + tools + ", target: /srv/storm, create: dir}]",
	} {
		args = append(args, "--set", set)
	}
	all := storms()
	for _, s := range all {
		args = append(args, l.name(s.n))
	}
	l.must(t, args...)
	for _, s := range all {
		l.begin(t, "exec", l.name(s.n), "--", "/bin/bash", "-c", s.script)
	}
	for _, s := range all {
		until(t, s.n+" rage", func() bool { return s.raging(t, l, s.n) })
	}
	t.Run("meanwhile", func(t *testing.T) { l.unmoved(t) })
	t.Run("bounded", func(t *testing.T) { l.bounded(t) })
	for _, s := range all {
		t.Run(s.end+" of "+s.n, func(t *testing.T) { l.calms(t, s) })
	}
	t.Run("from now on", func(t *testing.T) { l.unmoved(t) })
}

// unmoved proves that nobody else is moved by the storms.
func (l *local) unmoved(t *testing.T) {
	t.Helper()
	answers := func(args ...string) {
		t.Helper()
		begun := time.Now()
		l.must(t, args...)
		took := time.Since(begun).Round(time.Millisecond)
		if t.Logf("%q: %v", args, took); took > hangs {
			t.Errorf("%q hangs for %v", args, took)
		}
	}
	for range 5 {
		answers("list")
		answers("list", "-o", "wide")
	}
	answers("exec", l.name("calm"), "--", "systemctl", "is-active", "dbus.service")
	answers("start", l.name("late"))
	answers("restart", l.name("calm"))
	for _, n := range []string{"calm", "late"} {
		if c := l.look(t, n); c.State != "running" || !c.Ready {
			t.Errorf("%s: %+v", n, c)
		}
	}
	answers("stop", l.name("late"))
}

// hangs is how long a command may take on a machine that is busy with storms and with other tests, before it is taken for one that never ends.
const hangs = time.Minute

// bounded proves that each storm stays within what its container may have.
func (l *local) bounded(t *testing.T) {
	t.Helper()
	for _, s := range storms() {
		if have := l.number(t, "pids", s.n, "pids.current"); have > stormPids+1 { // who enters by exec may be one more
			t.Errorf("%s has %d processes", s.n, have)
		}
		if have := l.number(t, "memory", s.n, "memory.usage_in_bytes"); have > stormMemory {
			t.Errorf("%s has %d bytes of memory", s.n, have)
		}
	}
	var console int64
	found, _ := filepath.Glob(filepath.Join(stateDir, "containers", l.name("logs"), "console.log*"))
	for _, path := range found {
		if info, err := os.Stat(path); err == nil {
			console += info.Size()
		}
	}
	if console > 2<<20 {
		t.Errorf("the console's logs have %d bytes: %q", console, found)
	}
	out, err := exec.CommandContext(t.Context(), "du", "-sk", filepath.Join(stateDir, "containers", l.name("logs"))).Output()
	var kilobytes int64
	if _, scanErr := fmt.Sscan(string(out), &kilobytes); errors.Join(err, scanErr) != nil || kilobytes > 24<<10 {
		t.Errorf("the flood of logs has left %d KB: %v", kilobytes, err)
	}
}

// calms ends a storm, and starts its container again as if nothing had been.
func (l *local) calms(t *testing.T, s storm) {
	begun := time.Now()
	l.must(t, s.end, l.name(s.n))
	if took := time.Since(begun); took > hangs { // its stop timeout is 3 s
		t.Errorf("%s hangs for %v", s.end, took)
	}
	if c := l.look(t, s.n); c.State != "stopped" {
		t.Errorf("afterwards it is %+v", c)
	}
	l.must(t, "start", l.name(s.n))
	if c := l.look(t, s.n); c.State != "running" || !c.Ready {
		t.Errorf("started again it is %+v", c)
	}
	l.sh(t, s.n, "rm -f /var/hog*; true")
}

// ownDisk puts the containers on a small ext4 of their own.
func (l *local) ownDisk(t *testing.T, size int64, options ...string) {
	t.Helper()
	image := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size)); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{append(append([]string{"mkfs.ext4", "-q"}, options...), image), {"mount", "-o", "loop", image, stateDir}} {
		if out, err := exec.CommandContext(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
	}
	if err := os.Chmod(stateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // before the end of the machine's story, which destroys what is left: so do it here
		l.must(t, "destroy", "all", "--yes", "--force")
		if err := unix.Unmount(stateDir, 0); err != nil {
			t.Errorf("unmount the containers' disk: %v", err)
		}
	})
	l.must(t, "host", "init")
}

// stormTools builds the storms that are programs, where every container can reach them.
func stormTools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir+"/storm", "./cmd/e2e/testdata/storm")
	build.Dir, build.Env = e2e.Source(t), append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err := errors.Join(err, os.Chmod(filepath.Dir(dir), 0o711)); err != nil {
		t.Fatalf("build the storms: %v: %s", err, out)
	}
	return dir
}

func (l *local) number(t *testing.T, controller, n, file string) int64 {
	t.Helper()
	number, err := strconv.ParseInt(l.limit(t, controller, n, file), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// descriptors counts those of all processes of ours whose command line has the word.
func (l *local) descriptors(word string) int {
	count := 0
	for _, p := range l.processes(word) {
		open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid)) // it may have ended
		count += len(open)
	}
	return count
}

// mounts counts what is mounted in a container.
func (l *local) mounts(n string) int {
	table, err := os.Open(fmt.Sprintf("/proc/%d/mounts", l.live(n).Init.PID))
	if err != nil {
		return 0
	}
	defer table.Close()
	count := 0
	for lines := bufio.NewScanner(table); lines.Scan(); {
		count++
	}
	return count
}
