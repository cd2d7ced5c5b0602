package lxc

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	golxc "github.com/lxc/go-lxc"

	"github.com/sysctr/sysctr/profiles"
)

// launched are the processes of a container that liblxc has just started.
type launched struct{ initPID, monitorPID int }

// launch has liblxc start the container whose configuration is in the LXC directory, in the starter's mount namespace, with argv as PID 1.
// That directory is the same absolute path at every call: liblxc's idea of a container's identity is the literal string.
func (s *Starter) launch(name string, argv []string) (launched, error) {
	dir, call := s.Dirs.LXC(), s.launchers.launch
	if s.unit {
		call = launchHere
	}
	pid, err := call(dir, name, argv)
	if err != nil {
		return launched{}, fmt.Errorf("%w%s", err, logged(dir, name))
	}
	monitor, err := parent(pid)
	if err != nil {
		return launched{}, fmt.Errorf("find the container's monitor: %w", err)
	}
	return launched{initPID: pid, monitorPID: monitor}, nil
}

// ErrNoInit says that the host lacks liblxc's own small init, below which commands run.
var ErrNoInit = errors.New("the host has no init.lxc; install liblxc-common")

// program returns what PID 1 of a container executes. A command gets liblxc's own small init above it, which reaps and passes signals on, as a
// program of its own. liblxc's StartExecute would run the same code in the process that it forked from the starter: with every capability
// that was to be dropped (only execve(2) applies the bounding set), and with the starter's memory, records of other containers included, for
// the container's root to read in /proc/1/mem.
func program(name string, spec profiles.Spec) ([]string, error) {
	if len(spec.Command) == 0 {
		return spec.Init, nil
	}
	// The static one does not load liblxc and a dozen libraries into every container: a quarter of the time.
	for _, file := range []string{"/usr/sbin/init.lxc.static", "/usr/sbin/init.lxc", "/usr/bin/init.lxc"} {
		if _, err := os.Stat(file); err == nil {
			return append([]string{file, "--name=" + name, "--quiet", "--"}, spec.Command...), nil
		}
	}
	return nil, ErrNoInit
}

// parent reads the parent of a process, see proc_pid_status(5).
func parent(pid int) (int, error) {
	value, err := statusField(pid, "PPid")
	if err != nil {
		return 0, err
	}
	var ppid int
	if _, err := fmt.Sscanf(value, "%d", &ppid); err != nil || ppid <= 1 {
		return 0, fmt.Errorf("process %d has the parent %q", pid, value)
	}
	return ppid, nil
}

// statusField reads one field of /proc/PID/status.
func statusField(pid int, field string) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), field+":"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", fmt.Errorf("process %d has no %s in its status", pid, field)
}

// logged returns what liblxc wrote about the container's start, since its errors say nothing but that something failed. The first lines are
// the cause, the later ones what came of it.
func logged(dir, name string) string {
	file, err := os.Open(filepath.Join(dir, name, "log"))
	if err != nil {
		return ""
	}
	defer file.Close()
	var causes []string
	lines := bufio.NewScanner(io.LimitReader(file, 4096))
	for lines.Scan() && len(causes) < 3 {
		line := lines.Text()
		// "lxc NAME 20260101 ERROR    start - ../src/lxc/start.c:lxc_spawn:1832 - What happened": the last part is for people.
		if parts := strings.SplitN(line, " - ", 3); len(parts) == 3 {
			line = parts[2]
		}
		causes = append(causes, line)
	}
	if len(causes) == 0 {
		return ""
	}
	return ": " + strings.Join(causes, "; ")
}

// checkTrailer refuses a configuration that is not whole.
func checkTrailer(text []byte) error {
	if !bytes.HasSuffix(text, []byte(trailer)) {
		return errors.New("the LXC configuration is not whole: its last line is missing")
	}
	return nil
}

// Version is that of the liblxc in use.
func Version() string { return golxc.Version() }
