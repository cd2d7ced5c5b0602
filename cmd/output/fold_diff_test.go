package output_test

import (
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/output"
)

// A change of a whole fleet is one block, not a hundred.
func TestResultFoldsDifferences(t *testing.T) {
	var stdout, stderr strings.Builder
	p := output.New(output.Options{Stdout: &stdout, Stderr: &stderr})
	same := func(name string) output.Diff {
		return output.Diff{BeforeHeader: name, AfterHeader: name, Before: "tags: a\nx: 1\n", After: "tags: b\nx: 1\n"}
	}
	other := same("db1")
	other.After = "tags: c\nx: 1\n"
	if err := p.Result(output.FormatTable, output.Result{Diff: []output.Diff{same("web1"), other, same("web2"), same("web3")}}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(stdout.String(), "web[1-3]")
	if want := ":\n- tags: a\n+ tags: b\ndb1:\n- tags: a\n+ tags: c\n"; got != want {
		t.Errorf("differences are %q, want %q", got, want)
	}
}
