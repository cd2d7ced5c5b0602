package cmd_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// TestTranslate is the table of what an error of the packages below ends the process with.
func TestTranslate(t *testing.T) {
	for _, test := range []struct {
		err  error
		exit int
		code string
		hint bool
	}{
		{nil, 0, "", false},
		{errors.New("anything"), 1, "error", false},
		{io.EOF, 1, "error", false},
		{record.ErrBusy, 6, "busy", false},
		{name.ErrNoMatch, 4, "not_found", true},
		{name.ErrName, 2, "bad_input", false},
		{name.ErrTooMany, 2, "bad_input", false},
		{profiles.ErrNotFound, 2, "bad_input", true},
		{&profiles.Error{File: "x.yaml", Line: 1, Reason: "is bad"}, 2, "bad_input", false},
		{mask.ErrRule, 2, "bad_input", false},
		{mask.ErrHost, 7, "host_unable", false},
		{manager.ErrExists, 5, "exists", true},
		{manager.ErrNotReady, 1, "error", true},
		{manager.ErrState, 1, "error", false},
		{manager.ErrRunningContainer, 1, "error", false},
		{lxc.ErrNotPrepared, 7, "host_unable", true},
		{overlay.ErrOverlayRoot, 7, "host_unable", false},
		{idrange.ErrExhausted, 7, "host_unable", false},
		{lxc.ErrPromise, 7, "promise_broken", true},
		{record.ErrFormat, 1, "error", true},
		{record.ErrDamaged, 1, "error", false},
		{context.Canceled, 130, "interrupted", true},
		{&output.Error{Code: "own", Exit: 9, Message: "m", Hint: "h"}, 9, "own", true},
	} {
		errs := []error{test.err}
		if test.err != nil { // however deep it lies
			errs = append(errs, fmt.Errorf("start web1: %w", test.err), errors.Join(errors.New("something else"), fmt.Errorf("x: %w", test.err)))
		}
		for _, err := range errs {
			got := output.ErrorOf(cmd.Translate(cmd.Interrupted(err)))
			if test.err == nil {
				if got != nil {
					t.Errorf("no error is %+v", got)
				}
				continue
			}
			if got.Exit != test.exit || got.Code != test.code || (got.Hint != "") != test.hint || got.Message == "" {
				t.Errorf("%v: exit %d, code %q, hint %q; want %d, %q, hint %v", err, got.Exit, got.Code, got.Hint, test.exit, test.code, test.hint)
			}
		}
	}
}
