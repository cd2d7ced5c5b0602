package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leaks returns what is left of containers that are all destroyed: processes, control groups, mounts, files. Starters that still finish are
// waited for.
func (l *local) leaks(t testing.TB) []string {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(20 * time.Second); len(l.processes("")) > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	for _, p := range l.processes("") {
		left = append(left, fmt.Sprintf("process %d %q", p.pid, p.command))
	}
	for _, dir := range l.groups(t) {
		left = append(left, "control group "+dir)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " "+runDir+"/") || strings.Contains(line, " "+stateDir+"/") || strings.Contains(line, l.prefix) {
			left = append(left, "mount "+strings.TrimSpace(line))
		}
	}
	return append(append(left, l.files(t)...), l.wires(t)...)
}

// wires returns what is left of the network: names in the host's hosts file, and ports. The kernel takes a dead container's port away when it comes
// to it.
func (l *local) wires(t testing.TB) []string {
	t.Helper()
	var left []string
	if hosts, err := os.ReadFile("/etc/hosts"); err != nil || strings.Contains(string(hosts), "# sysctr") {
		left = append(left, fmt.Sprintf("hosts file %q %v", hosts, err))
	}
	var ports []string
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ports, _ = filepath.Glob("/sys/class/net/sctr*") // the pattern is a good one
		if len(ports) == 0 || time.Now().After(deadline) {
			return append(left, ports...)
		}
	}
}

// clear takes away what a failed test has left, so that it is nobody else's.
func (l *local) clear(t testing.TB) {
	t.Helper()
	for _, p := range l.processes("") {
		l.hit(p.pid, unix.SIGKILL)
	}
	for _, dir := range l.groups(t) {
		var below []string
		_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				below = append(below, path)
			}
			return nil
		})
		for _, path := range slices.Backward(below) {
			_ = os.Remove(path)
		}
	}
}

// files returns what lies below both directories beyond what is there without any container.
func (l *local) files(t testing.TB) []string {
	t.Helper()
	var left []string
	for _, pattern := range []string{
		stateDir + "/containers/*", runDir + "/containers/*", runDir + "/seed/*", runDir + "/rootfs/*",
		runDir + "/attach/*", runDir + "/lxc/*/", "/run/lxc/lock" + runDir + "/lxc/*",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			if !strings.HasPrefix(path, "/run/lxc/") || strings.Contains(path, l.prefix) {
				left = append(left, "file "+path)
			}
		}
	}
	return left
}

// groups returns the control groups of our containers in every hierarchy.
func (l *local) groups(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/*/sysctr/*/", "/sys/fs/cgroup/sysctr/*/"} {
		found, err := filepath.Glob(pattern + l.prefix + "*")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// process is one that belongs to a container of ours, or runs our program.
type process struct {
	pid     int
	ours    bool   // it runs our program: a command, starter or monitor
	command string // its arguments, joined by blanks
}

// processes finds them all by program and by control group; with a word only those whose command line has it.
func (l *local) processes(word string) []process {
	entries, _ := os.ReadDir("/proc")
	var found []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		exe, _ := os.Readlink("/proc/" + e.Name() + "/exe")
		group, _ := os.ReadFile("/proc/" + e.Name() + "/cgroup")
		ours := strings.TrimSuffix(exe, " (deleted)") == l.binary
		if !ours && (exe == "" || !strings.Contains(string(group), "/"+l.prefix)) {
			continue // without a program it has ended, and its parent has not looked yet
		}
		text, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		command := strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
		if strings.Contains(command, word) {
			found = append(found, process{pid: pid, ours: ours, command: command})
		}
	}
	return found
}

// hit sends a signal to a process of ours that was seen a moment ago, and after SIGKILL waits for its end. It tells whether there was one to hit.
func (l *local) hit(pid int, signal unix.Signal) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	for _, p := range l.processes("") { // the id may be another's by now; the descriptor is of whoever has it
		if p.pid != pid || unix.PidfdSendSignal(fd, signal, nil, 0) != nil {
			continue
		}
		if signal == unix.SIGKILL {
			ends := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); { // one that still dies is running to whoever looks
				if n, err := unix.Poll(ends, 1000); n > 0 || err != nil && err != unix.EINTR {
					break
				}
			}
		}
		return true
	}
	return false
}

// monitor returns the process id of liblxc's monitor of a container, 0 if there is none.
func (l *local) monitor(n string) int {
	for _, p := range l.processes("[lxc monitor]") {
		if strings.HasSuffix(p.command, " "+l.name(n)) {
			return p.pid
		}
	}
	return 0
}

// listing is every path below a directory with its mode and size.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all[path] = fmt.Sprintf("%v %d %v", info.Mode(), info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
