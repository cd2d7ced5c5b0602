package systemd

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// maxPriority is the highest priority of a container; the levels are 0 to maxPriority.
const maxPriority = 100

// Settings is what a container's record says about its unit. The zero value keeps all that the unit file says, at the lowest priority.
type Settings struct {
	// StopSignal asks the container to stop: a name as in signal(7), or SIGRTMIN+n. Empty for the unit file's SIGRTMIN+3, which is
	// right for a systemd inside.
	StopSignal string
	// StopTimeout is the time between the signal and the kill, a whole number of milliseconds. 0 for the unit file's 90 s.
	StopTimeout time.Duration
	// Restart is on-failure (as is the empty string), always or never. With never, a reboot from inside is a poweroff.
	Restart string
	// Priority is 0 to 100; at boot higher ones start first.
	Priority int
	// Tasks bounds the processes and threads of the container and its monitor. 0 for the unit file's 16384.
	Tasks int64
}

// DropIn returns the drop-in for these settings. It is a function of the settings alone: equal settings give equal bytes. Settings out of
// range are refused with ErrSetting, since systemd would ignore such a line and go on with another meaning.
func DropIn(s Settings) ([]byte, error) {
	restart, err := s.check()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	text.WriteString("# Written by sysctr from the container's record, and again when that changes. Own settings belong into another file.\n")
	text.WriteString("[Unit]\n")
	fmt.Fprintf(&text, "Wants=%s\nBefore=%[1]s\n", level(s.Priority))
	if higher := levelsAbove(s.Priority); len(higher) > 0 {
		fmt.Fprintf(&text, "After=%s\n", strings.Join(higher, " "))
	}
	fmt.Fprintf(&text, "\n[Service]\nRestart=%s\n", restart)
	if s.StopSignal != "" {
		fmt.Fprintf(&text, "KillSignal=%s\n", s.StopSignal)
	}
	if s.StopTimeout != 0 {
		fmt.Fprintf(&text, "TimeoutStopSec=%dms\n", s.StopTimeout.Milliseconds())
	}
	if s.Tasks != 0 {
		fmt.Fprintf(&text, "TasksMax=%d\n", s.Tasks)
	}
	return text.Bytes(), nil
}

// check returns systemd's word for the restart policy.
func (s Settings) check() (restart string, err error) {
	switch {
	case s.StopSignal != "" && !regexp.MustCompile(`^SIG[A-Z0-9]{2,8}([+-][0-9]{1,2})?$`).MatchString(s.StopSignal):
		return "", fmt.Errorf("stop signal %q: %w: want a name such as SIGTERM or SIGRTMIN+3", s.StopSignal, ErrSetting)
	case s.StopTimeout < 0 || s.StopTimeout%time.Millisecond != 0:
		// systemd reads 0 as no limit, and so would a rest that is rounded away.
		return "", fmt.Errorf("stop timeout %s: %w: want whole milliseconds, above 0", s.StopTimeout, ErrSetting)
	case s.Priority < 0 || s.Priority > maxPriority:
		return "", fmt.Errorf("priority %d: %w: want 0 to %d", s.Priority, ErrSetting, maxPriority)
	case s.Tasks < 0:
		return "", fmt.Errorf("tasks %d: %w: want a count above 0", s.Tasks, ErrSetting)
	}
	switch s.Restart {
	case "", "on-failure":
		return "on-failure", nil
	case "always":
		return "always", nil
	case "never":
		return "no", nil
	}
	return "", fmt.Errorf("restart %q: %w: want on-failure, always or never", s.Restart, ErrSetting)
}

func level(priority int) string {
	return fmt.Sprintf("sysctr-priority@%d.target", priority)
}

func levelsAbove(priority int) []string {
	var levels []string
	for p := priority + 1; p <= maxPriority; p++ {
		levels = append(levels, level(p))
	}
	return levels
}
