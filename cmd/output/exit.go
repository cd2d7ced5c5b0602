package output

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The exit codes of sysctr, the same in every verb. A process that ran a command in a container ends with that command's own status
// instead, and with ExitOwn for failures of sysctr itself.
const (
	ExitDone        = 0   // everything asked for holds now
	ExitError       = 1   // a failure that none of the others describes
	ExitUsage       = 2   // the command line, a name or a file given by the caller is wrong; nothing was changed
	ExitPartial     = 3   // some targets failed; the result names each
	ExitNoMatch     = 4   // a target matches no container
	ExitExists      = 5   // a container of this name exists with another spec; nothing was changed
	ExitBusy        = 6   // another command works on it; the same command can be tried again
	ExitHost        = 7   // the host lacks what is needed
	ExitUnpatched   = 8   // patch verify: a container is neither patched nor unaffected
	ExitGate        = 9   // a gate stopped the roll
	ExitOwn         = 125 // exec and shell: sysctr failed, not the command
	ExitInterrupted = 130 // ended by the interrupt key or a signal; the same command finishes the work
)

// The codes of failures, for programs. One belongs to each exit code that is neither ExitDone nor ExitOwn; packages may use further
// ones, which are words of the same shape.
const (
	CodeError       = "error"
	CodeBadInput    = "bad_input"
	CodePartial     = "some_failed"
	CodeNotFound    = "not_found"
	CodeExists      = "exists"
	CodeBusy        = "busy"
	CodeHostUnable  = "host_unable"
	CodeNotPatched  = "not_patched"
	CodeGateStopped = "gate_stopped"
	CodeInterrupted = "interrupted"
)

// meaning ties an exit code to the code of a failure and to its line in a help text.
type meaning struct {
	exit       int
	code, text string
}

// meanings returns the one table that exit codes, failure codes and help texts are taken from.
func meanings() []meaning {
	return []meaning{
		{ExitDone, "", "done"},
		{ExitError, CodeError, "error"},
		{ExitUsage, CodeBadInput, "bad usage or bad input"},
		{ExitPartial, CodePartial, "some targets failed"},
		{ExitNoMatch, CodeNotFound, "nothing matched"},
		{ExitExists, CodeExists, "exists with another spec"},
		{ExitBusy, CodeBusy, "busy: another command works on it"},
		{ExitHost, CodeHostUnable, "the host cannot do it"},
		{ExitUnpatched, CodeNotPatched, "not patched"},
		{ExitGate, CodeGateStopped, "a gate stopped the roll"},
		{ExitInterrupted, CodeInterrupted, "interrupted"},
	}
}

// codeOf returns the failure code that belongs to an exit code, CodeError where none does.
func codeOf(exit int) string {
	for _, m := range meanings() {
		if m.exit == exit && m.code != "" {
			return m.code
		}
	}
	return CodeError
}

// exitOf returns the exit code that belongs to a failure code, ExitError where none does.
func exitOf(code string) int {
	for _, m := range meanings() {
		if m.code == code && code != "" {
			return m.exit
		}
	}
	return ExitError
}

// Status is an error that only carries an exit code: the own status of a command that ran in a container (128+n for signal n), or the
// code of a result that has been printed already. Printer.Fail says nothing about it.
type Status int

// Error returns the number in words.
func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ExitOf returns the exit code that a process ends with because of err: ExitDone for nil, the number of a Status, the Exit of an *Error,
// ExitInterrupted for a cancelled context, and ExitError for everything else.
func ExitOf(err error) int {
	if err == nil {
		return ExitDone
	}
	var status Status
	if errors.As(err, &status) {
		return int(status)
	}
	var e *Error
	if errors.As(err, &e) {
		return e.filled().Exit
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	return ExitError
}

// ExitOfCommand is ExitOf for exec and shell: whatever is not the command's own status and not an interrupt becomes ExitOwn, so that a
// caller can tell the command's failures from ours.
func ExitOfCommand(err error) int {
	var status Status
	if err == nil || errors.As(err, &status) {
		return ExitOf(err)
	}
	if ExitOf(err) == ExitInterrupted {
		return ExitInterrupted
	}
	return ExitOwn
}

// ExitStatus returns the section of a command's help that lists its exit codes, without a newline at the end. Without arguments it lists
// all of them. ExitDone and the given ones are listed in ascending order; a number that is no exit code of sysctr is left out.
func ExitStatus(exits ...int) string {
	lines := []string{"Exit status:"}
	for _, m := range meanings() {
		if len(exits) == 0 || m.exit == ExitDone || slices.Contains(exits, m.exit) {
			lines = append(lines, fmt.Sprintf("  %3d  %s", m.exit, m.text))
		}
	}
	return strings.Join(lines, "\n")
}

// CommandStatus is ExitStatus for exec and shell.
func CommandStatus() string {
	return strings.Join([]string{
		"Exit status:",
		"  the command's own, 128+n if signal n ended it",
		fmt.Sprintf("  %3d  sysctr itself failed, not the command", ExitOwn),
		fmt.Sprintf("  %3d  interrupted", ExitInterrupted),
	}, "\n")
}
