package cmd_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/profiles"
)

// TestDiffs: a result lists the changes that were made, also where something after them failed, and no others.
func TestDiffs(t *testing.T) {
	changes := []manager.Change{
		{Change: profiles.Change{Field: "tags", From: "a", To: "b"}}, {Change: profiles.Change{Field: "units", From: "x", To: "y"}, Pending: true},
	}
	of := func(name string, changed bool, err error, changes []manager.Change) manager.Outcome {
		return manager.Outcome{Step: manager.Step{Name: name, Err: err, Changes: changes}, Changed: changed}
	}
	failure := errors.New("no space left")
	got := cmd.Diffs([]manager.Outcome{
		of("made", true, nil, changes), of("failed", false, failure, changes), of("made-but", true, failure, changes[:1]), of("same", false, nil, nil),
	})
	want := []output.Diff{
		{BeforeHeader: "made", AfterHeader: "made", Before: "tags: a\nunits: x\n", After: "tags: b\nunits: y (after a restart)\n"},
		{BeforeHeader: "made-but", AfterHeader: "made-but", Before: "tags: a\n", After: "tags: b\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
