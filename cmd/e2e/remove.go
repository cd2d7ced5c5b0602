package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// claim makes the folder of a new host, whose name is its own, and owns it by a lock until the test ends. It first removes the hosts of test
// processes that were killed: the kernel has given their locks back.
func claim(t testing.TB) *Host {
	t.Helper()
	runs := filepath.Join(cacheDir(t), "run")
	if err := os.MkdirAll(runs, 0o711); err != nil {
		t.Fatalf("make the folder of test hosts: %v", err)
	}
	// Between the making of a folder and its lock nobody may look for folders without an owner.
	defer lockFile(t, runs+".lock").Close()
	sweep(t, runs)
	dir, err := os.MkdirTemp(runs, "e2e")
	if err != nil {
		t.Fatalf("make a test host: %v", err)
	}
	lock := lockFile(t, filepath.Join(dir, "lock"))
	h := &Host{name: filepath.Base(dir), dir: dir}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "console"))
			t.Logf("console of %s: %s", h.name, tail(text))
		}
		if err := h.remove(); err != nil {
			t.Errorf("remove test host %s: %v", h.name, err)
		}
		lock.Close()
	})
	return h
}

// sweep removes the hosts below runs whose lock nobody holds.
func sweep(t testing.TB, runs string) {
	t.Helper()
	entries, err := os.ReadDir(runs)
	if err != nil {
		t.Fatalf("look for left test hosts: %v", err)
	}
	for _, e := range entries {
		h := &Host{name: e.Name(), dir: filepath.Join(runs, e.Name())}
		f, err := os.OpenFile(filepath.Join(h.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			continue // its owner is just removing it
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			t.Logf("remove test host %s, left by a killed test", h.name)
			if err := h.remove(); err != nil {
				t.Logf("remove test host %s: %v", h.name, err)
			}
		}
		f.Close()
	}
}

// remove removes the host's processes, cgroups and files. It is idempotent. Nothing is stopped in order, since nothing of it is kept.
func (h *Host) remove() error {
	if err := h.killAll(); err != nil {
		return err
	}
	// LXC keeps the lock of a container under its own folder for ever, in a directory named like the LXC path.
	return errors.Join(removeTree(filepath.Join("/run/lxc/lock", h.dir)), removeTree(h.dir))
}

// clear is killAll for a test.
func (h *Host) clear(t testing.TB) {
	t.Helper()
	if err := h.killAll(); err != nil {
		t.Fatalf("clear %s: %v", h.name, err)
	}
}

// killAll kills every process in the host's cgroups, monitor included, waits for their end and removes the cgroups.
func (h *Host) killAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for {
		dirs, err := h.cgroups()
		if err != nil {
			return err
		}
		alive := 0
		for _, dir := range dirs {
			// A task of a frozen cgroup v1 dies only when it is thawed; elsewhere there is no such file.
			_ = os.WriteFile(filepath.Join(dir, "freezer.state"), []byte("THAWED"), 0)
			alive += h.kill(dir)
		}
		if alive == 0 && removeDirs(dirs) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d processes left after %v in %q", alive, stopTime, dirs)
		}
		pause(ctx)
	}
}

// kill sends SIGKILL to each process in the cgroup dir and returns how many there were. A pidfd and a second look at the membership make sure that
// no stranger who got a freed number is hit.
func (h *Host) kill(dir string) int {
	text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs")) // gone: nobody is in it
	pids := strings.Fields(string(text))
	for _, field := range pids {
		pid, err := strconv.Atoi(field)
		if err != nil || pid <= 1 {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		member, _ := os.ReadFile(filepath.Join("/proc", field, "cgroup"))
		if strings.Contains(string(member), "/"+h.name+"/") {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // already dead: good
		}
		unix.Close(fd)
	}
	return len(pids)
}

// cgroups returns the directories below and with the host's own one in every hierarchy, deepest first.
func (h *Host) cgroups() ([]string, error) {
	mounts, err := mountPoints()
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, m := range mounts {
		if m.kind != "cgroup" && m.kind != "cgroup2" {
			continue
		}
		err := filepath.WalkDir(filepath.Join(m.path, h.name), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it ended while we looked
			}
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list cgroups: %w", err)
		}
	}
	slices.SortFunc(dirs, func(a, b string) int { return strings.Compare(b, a) })
	return dirs, nil
}

// removeDirs removes the empty directories dirs and tells whether all are gone.
func removeDirs(dirs []string) bool {
	gone := true
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			gone = false
		}
	}
	return gone
}

// removeTree removes dir with rm, which does not leave its filesystem, and refuses to if anything is mounted in it.
func removeTree(dir string) error {
	mounts, err := mountPoints()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if m.path == dir || strings.HasPrefix(m.path, dir+"/") {
			return fmt.Errorf("remove %s: %s is mounted in it; unmount it first", dir, m.path)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "rm", "-rf", "--one-file-system", "--", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("remove %s: %w: %s", dir, err, out)
	}
	return nil
}

type mountPoint struct{ path, kind string }

// mountPoints reads this process's mounts (proc(5), mountinfo): the fifth field is the path, the first after the dash the type.
func mountPoints() ([]mountPoint, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	defer f.Close()
	var mounts []mountPoint
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if ok && len(fields) > 4 && len(kind) > 0 {
			mounts = append(mounts, mountPoint{path: fields[4], kind: kind[0]})
		}
	}
	return mounts, lines.Err()
}
