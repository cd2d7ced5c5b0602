package lxc

import (
	"errors"
	"fmt"
	"os"
	"strings"

	golxc "github.com/lxc/go-lxc"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// AttachVerb is the hidden verb of sysctr under which Exec runs it again to enter a container: it reads an Attach from its first argument
// and calls Run.
const AttachVerb = "_attach"

// attachedDescriptor is where Run writes one byte when the command runs inside.
const attachedDescriptor = 3

// Attach is one command to run inside a container.
type Attach struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"`
	Env  []string `json:"env,omitempty"` // KEY=VALUE, beside PATH, HOME and container
	TTY  bool     `json:"tty,omitempty"` // on a terminal of the container's own

	// Console asks for the container's console instead of a command: Run relays it on a terminal, which is in raw mode, until Ctrl-] or its end.
	Console bool `json:"console,omitempty"`
}

// ErrNotRunning says that the container to enter is not running.
var ErrNotRunning = errors.New("the container is not running")

// Run enters the container and returns the command's status, 128+n for one killed by the signal n. It belongs into a process of its own that
// is a Program's, and whose standard streams are pipes. The caller has a deadline for the byte on attachedDescriptor: liblxc waits for a
// stopped monitor for ever.
func (a Attach) Run(d Dirs) (int, error) {
	attached := os.NewFile(attachedDescriptor, "attached")
	// The attaching process is inside the container for a moment; a descriptor of the host's must not be (CVE-2016-8649, CVE-2024-21626).
	if err := unix.CloseRange(attachedDescriptor, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return 0, fmt.Errorf("close inherited descriptors: %w", err)
	}
	unix.Umask(0o022) // the operator's is not the container's
	host, err := OpenHost(d)
	if err != nil {
		return 0, err
	}
	live, err := host.Live.Load(a.Name)
	if err != nil || !live.Init.Alive() {
		return 0, ErrNotRunning
	}
	if a.Console {
		return 0, a.console(d, live.Monitor, attached)
	}
	streams := [3]uintptr{0, 1, 2}
	argv := a.Argv
	var term *terminal
	if a.TTY {
		if term, err = openTerminal(live.Init); err != nil {
			return 0, err
		}
		defer term.close()
		slave := term.slave.Fd()
		streams, argv = [3]uintptr{slave, slave, slave}, controlled(argv)
	}
	pid, err := a.enter(d, argv, streams)
	if err != nil {
		return 0, err
	}
	_, _ = attached.Write([]byte{1}) // whoever waited may be gone; the command runs all the same
	_ = attached.Close()
	if term != nil {
		term.relay()
	}
	return status(pid)
}

// enter has liblxc run argv inside. Groups stays empty: go-lxc's binding then drops every restriction of the attach.
func (a Attach) enter(d Dirs, argv []string, streams [3]uintptr) (int, error) {
	c, err := golxc.NewContainer(a.Name, d.LXC())
	if err != nil {
		return 0, fmt.Errorf("load the LXC configuration: %w", err)
	}
	options := golxc.DefaultAttachOptions
	options.ClearEnv = true
	options.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "container=lxc",
	}, a.Env...)
	options.Cwd = "/"
	options.StdinFd, options.StdoutFd, options.StderrFd = streams[0], streams[1], streams[2]
	pid, err := c.RunCommandNoWait(argv, options)
	if err != nil {
		return 0, fmt.Errorf("enter the container: %w%s", err, logged(d.LXC(), a.Name))
	}
	return pid, nil
}

// status waits for the command and translates its end as a shell does.
func status(pid int) (int, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("wait for the command: %w", err)
		}
		if ws.Signaled() {
			return 128 + int(ws.Signal()), nil
		}
		return ws.ExitStatus(), nil
	}
}

// inside opens a path below the container's root as the host sees it. The path is the container's to arrange: no link leads out of its root,
// no magic link is followed.
func inside(init alive.Process, path string, flags uint64) (*os.File, error) {
	root, err := os.Open(fmt.Sprintf("/proc/%d/root", init.PID))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if !init.Alive() { // the id may have been another process's when it was opened
		return nil, ErrNotRunning
	}
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	n, err := unix.Openat2(int(root.Fd()), strings.TrimPrefix(path, "/"), &how)
	if err != nil {
		return nil, fmt.Errorf("open %s of the container: %w", path, err)
	}
	return os.NewFile(uintptr(n), path), nil
}
