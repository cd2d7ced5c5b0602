package profiles

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
)

const (
	// firstRealtime is SIGRTMIN as glibc, systemd and liblxc count: the kernel's 32 and 33 belong to the C library (signal(7)).
	firstRealtime = 34
	// lastRealtime is SIGRTMAX as an offset from SIGRTMIN.
	lastRealtime = 30
)

// Signals gives the names of the signals that can ask a container to stop, without SIGRTMIN+1 to SIGRTMIN+30, which can too.
func Signals() []string {
	return []string{"SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGPWR", "SIGWINCH", "SIGRTMIN"}
}

// SignalNumber gives the number of a signal of Signals, or of SIGRTMIN+n, on the architecture this was built for. Anything else is an
// error, SIGKILL and SIGSTOP among them: they ask nothing.
func SignalNumber(name string) (syscall.Signal, error) {
	if offset, ok := strings.CutPrefix(name, "SIGRTMIN+"); ok {
		n, err := strconv.Atoi(offset)
		if err != nil || n < 1 || n > lastRealtime || strconv.Itoa(n) != offset {
			return 0, fmt.Errorf("%s is not between SIGRTMIN+1 and SIGRTMIN+%d", quote(name), lastRealtime)
		}
		return syscall.Signal(firstRealtime + n), nil
	}
	known := map[string]syscall.Signal{
		"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT, "SIGHUP": syscall.SIGHUP, "SIGQUIT": syscall.SIGQUIT,
		"SIGUSR1": syscall.SIGUSR1, "SIGUSR2": syscall.SIGUSR2, "SIGPWR": syscall.SIGPWR, "SIGWINCH": syscall.SIGWINCH,
		"SIGRTMIN": firstRealtime,
	}
	if n, ok := known[name]; ok {
		return n, nil
	}
	return 0, fmt.Errorf("%s is not a signal that stops a container: known are %s and SIGRTMIN+1 to SIGRTMIN+%d",
		quote(name), strings.Join(Signals(), ", "), lastRealtime)
}
