package output_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sysctr/sysctr/cmd/output"
)

func TestExitOf(t *testing.T) {
	busy := &output.Error{Code: output.CodeBusy}
	tests := []struct {
		summary       string
		err           error
		want, command int
	}{
		{"nothing failed", nil, 0, 0},
		{"an error of any kind", errors.New("no"), 1, 125},
		{"the code gives the exit", busy, 6, 125},
		{"a wrapped error keeps its exit", fmt.Errorf("web3: %w", busy), 6, 125},
		{"one of several errors", errors.Join(errors.New("no"), busy), 6, 125},
		{"an exit without a code", &output.Error{Exit: output.ExitGate}, 9, 125},
		{"an exit wins over the code", &output.Error{Exit: output.ExitHost, Code: "no_overlay"}, 7, 125},
		{"an unknown code is an error", &output.Error{Code: "start_failed"}, 1, 125},
		{"an exit of our own", &output.Error{Exit: 42}, 42, 125},
		{"an empty error is not done", &output.Error{}, 1, 125},
		{"an error inside gives what is missing", &output.Error{Message: "cannot start", Err: busy}, 6, 125},
		{"a status of a command", output.Status(3), 3, 3},
		{"a wrapped status", fmt.Errorf("web3: %w", output.Status(143)), 143, 143},
		{"a cancelled context", fmt.Errorf("start: %w", context.Canceled), 130, 130},
		{"a cancelled context inside", &output.Error{Message: "cannot start", Err: context.Canceled}, 130, 130},
		{"a deadline is an error", context.DeadlineExceeded, 1, 125},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			if got := output.ExitOf(test.err); got != test.want {
				t.Errorf("ExitOf = %d, want %d", got, test.want)
			}
			if got := output.ExitOfCommand(test.err); got != test.command {
				t.Errorf("ExitOfCommand = %d, want %d", got, test.command)
			}
		})
	}
}

func TestErrorOf(t *testing.T) {
	cause := errors.New("lock: held")
	busy := &output.Error{Code: output.CodeBusy, Message: "another command works on it", Hint: "try again", Err: cause}
	tests := []struct {
		summary string
		err     error
		want    *output.Failure
	}{
		{"nil", nil, nil},
		{"any error", cause, &output.Failure{Code: "error", Message: "lock: held", Exit: 1}},
		{"all fields", busy, &output.Failure{Code: "busy", Message: "another command works on it", Hint: "try again", Exit: 6}},
		{"what is wrapped around stays", fmt.Errorf("stop: %w", busy),
			&output.Failure{Code: "busy", Message: "stop: another command works on it", Hint: "try again", Exit: 6}},
		{"code and hint of an error inside", &output.Error{Message: "cannot stop", Err: busy},
			&output.Failure{Code: "busy", Message: "cannot stop", Hint: "try again", Exit: 6}},
		{"own code and hint win", &output.Error{Code: "stop_failed", Message: "cannot stop", Hint: "look", Err: busy},
			&output.Failure{Code: "stop_failed", Message: "cannot stop", Hint: "look", Exit: 1}},
		{"the cause is the message", &output.Error{Exit: output.ExitHost, Err: cause},
			&output.Failure{Code: "host_unable", Message: "lock: held", Exit: 7}},
		{"no words at all", &output.Error{Exit: output.ExitExists}, &output.Failure{Code: "exists", Message: "exists", Exit: 5}},
		{"interrupted", fmt.Errorf("start: %w", context.Canceled), &output.Failure{
			Code: "interrupted", Message: "interrupted: the same command again finishes the work", Exit: 130}},
		{"a status", output.Status(3), &output.Failure{Code: "some_failed", Message: "exit status 3", Exit: 3}},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			if diff := cmp.Diff(test.want, output.ErrorOf(test.err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if !errors.Is(busy, cause) {
		t.Error("an Error hides its cause")
	}
}

func TestExitStatus(t *testing.T) {
	golden(t, "exit-status.txt", output.ExitStatus()+"\n")
	golden(t, "exit-status-command.txt", output.CommandStatus()+"\n")
	want := "Exit status:\n    0  done\n    2  bad usage or bad input\n    4  nothing matched"
	if got := output.ExitStatus(output.ExitNoMatch, output.ExitUsage, 77); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// The numbers are a promise to scripts.
func TestExitCodesAreThoseOfTheDesign(t *testing.T) {
	got := []int{
		output.ExitDone, output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitNoMatch, output.ExitExists, output.ExitBusy,
		output.ExitHost, output.ExitUnpatched, output.ExitGate, output.ExitOwn, output.ExitInterrupted,
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 125, 130}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each exit code has a failure code of its own and gets it back.
func TestCodesAndExitsBelongTogether(t *testing.T) {
	seen := map[string]int{}
	for _, exit := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 130} {
		code := output.ErrorOf(&output.Error{Exit: exit, Message: "x"}).Code
		if other, ok := seen[code]; ok {
			t.Errorf("%d and %d have the code %q", other, exit, code)
		}
		seen[code] = exit
		if strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("code %q is not snake case", code)
		}
		if got := output.ExitOf(&output.Error{Code: code}); got != exit {
			t.Errorf("code %q gives exit %d, want %d", code, got, exit)
		}
	}
}
