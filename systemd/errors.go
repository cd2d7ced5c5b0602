package systemd

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoBus is returned by Dial if there is no message bus to talk to.
	ErrNoBus = errors.New("no message bus")
	// ErrLost is reported for units whose job was still running when the connection to the bus ended. The job itself goes on.
	ErrLost = errors.New("connection to the message bus lost")
	// ErrNoMachined is returned if the host has no systemd-machined. Containers work without it; machinectl does not know them.
	ErrNoMachined = errors.New("no systemd-machined")
	// ErrSetting is returned for settings, machines, messages and paths that systemd would misread.
	ErrSetting = errors.New("not usable in a unit")
)

// JobError says how a job ended that did not succeed.
type JobError struct {
	// Unit is the name of the unit, Verb what the job should have done: start, stop or restart.
	Unit, Verb string
	// Result is systemd's word for the end of the job: canceled, timeout, failed, dependency, skipped, assert, …
	Result string
	// Cause is the Result property of the service (exit-code, signal, timeout, start-limit-hit, …), empty if it could not be had.
	Cause string
	// Code is the exit status of the last main process, or the number of the signal that ended it if Signaled. 0 if unknown.
	Code     int
	Signaled bool
	// Status is what the unit's main process said of itself last, see Status.
	Status string
	// Retried is true if systemd starts the unit again by itself.
	Retried bool
}

// Error says what happened, as precisely as it is known, and what to do next.
func (e *JobError) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s job %s", e.Verb, e.ended())
	if e.Status != "" {
		fmt.Fprintf(&text, ": %s", e.Status)
	}
	if e.Retried {
		text.WriteString("; systemd tries again")
	}
	fmt.Fprintf(&text, "; see %s", e.remedy())
	return text.String()
}

func (e *JobError) ended() string {
	switch {
	case e.Cause == "" || e.Cause == "success":
		return e.Result
	case e.Signaled:
		return fmt.Sprintf("%s (%s, signal %d)", e.Result, e.Cause, e.Code)
	case e.Cause == "exit-code":
		return fmt.Sprintf("%s (%s, status %d)", e.Result, e.Cause, e.Code)
	}
	return fmt.Sprintf("%s (%s)", e.Result, e.Cause)
}

func (e *JobError) remedy() string {
	switch {
	case e.Cause == "start-limit-hit":
		return fmt.Sprintf("journalctl -u %s, then systemctl reset-failed %s", e.Unit, e.Unit)
	case e.Result == "canceled":
		return "systemctl list-jobs: another job took its place"
	case e.Result == "dependency":
		return "systemctl list-dependencies " + e.Unit
	case e.Result == "assert":
		return "systemctl status " + e.Unit + ": an assertion of the unit does not hold, as inside a container"
	}
	return "journalctl -u " + e.Unit
}
