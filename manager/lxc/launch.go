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
)

// launched are the processes of a container that liblxc has just started.
type launched struct{ initPID, monitorPID int }

// launch has liblxc start the container whose configuration is dir/name/config, in the caller's mount namespace. argv is PID 1, or with
// below the command that liblxc's own small init runs. dir must be the same absolute path at every call: liblxc's idea of a container's
// identity is the literal string.
func launch(dir, name string, argv []string, below bool) (launched, error) {
	c, err := golxc.NewContainer(name, dir)
	if err != nil {
		return launched{}, fmt.Errorf("load the LXC configuration: %w%s", err, logged(dir, name))
	}
	defer c.Release() //nolint:errcheck // frees memory; there is nothing to lose
	start := c.StartWithArgs
	if below {
		start = c.StartExecute
	}
	if err := start(argv); err != nil {
		return launched{}, fmt.Errorf("start through liblxc: %w%s", err, logged(dir, name))
	}
	pid := c.InitPid()
	if pid <= 0 {
		return launched{}, fmt.Errorf("start through liblxc: the container ended at once%s", logged(dir, name))
	}
	monitor, err := parent(pid)
	if err != nil {
		return launched{}, fmt.Errorf("find the container's monitor: %w", err)
	}
	return launched{initPID: pid, monitorPID: monitor}, nil
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
