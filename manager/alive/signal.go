package alive

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The real-time signals as glibc and systemd count them: the kernel's first two belong to the threads library (signal(7)).
const (
	realTimeMin = 34
	realTimeMax = 64
)

// SignalNumber returns the signal with the given name: SIGTERM and its like, SIGRTMIN, SIGRTMAX, SIGRTMIN+N or SIGRTMAX-N. Names are upper
// case and begin with SIG. It says what the kernel and systemd mean by the name, whatever the C library of the container reserves.
func SignalNumber(name string) (unix.Signal, error) {
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	if rest, ok := strings.CutPrefix(name, "SIGRTMIN"); ok {
		if n, ok := realTimeOffset(rest, "+"); ok {
			return unix.Signal(realTimeMin + n), nil
		}
	}
	if rest, ok := strings.CutPrefix(name, "SIGRTMAX"); ok {
		if n, ok := realTimeOffset(rest, "-"); ok {
			return unix.Signal(realTimeMax - n), nil
		}
	}
	return 0, fmt.Errorf("unknown signal %.40q; name one like SIGTERM or SIGRTMIN+3", name)
}

// realTimeOffset reads "" as 0, else the sign and a number that stays among the real-time signals.
func realTimeOffset(s, sign string) (int, bool) {
	if s == "" {
		return 0, true
	}
	digits, ok := strings.CutPrefix(s, sign)
	if !ok || len(digits) > 2 || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n <= realTimeMax-realTimeMin
}
