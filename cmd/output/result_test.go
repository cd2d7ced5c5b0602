package output_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sysctr/sysctr/cmd/output"
)

func failed(code string) *output.Failure {
	return output.ErrorOf(&output.Error{Code: code, Message: "cannot start"})
}

// mixed is a result with everything in it.
func mixed() output.Result {
	noRange := output.ErrorOf(&output.Error{
		Code: output.CodeHostUnable, Message: "cannot start: no id range is free", Hint: "run 'sysctr host init'",
	})
	return output.Result{
		Items: []output.Item{
			{Name: "web1", Action: "start", Changed: true, State: "running", Ready: true},
			{Name: "web2", Action: "none", State: "running", Ready: true},
			{Name: "web3", Action: "start", State: "stopped", Error: noRange},
			{Name: "web4", Action: "start", State: "stopped", Error: noRange},
			{Name: "web5", Action: "start", Changed: true, State: "broken",
				Error: output.ErrorOf(errors.New("mount overlay: \x1b[31mbad\nsecond line"))},
		},
		Diff: []output.Diff{{
			BeforeHeader: "web1", AfterHeader: "web1",
			Before: "state: stopped\nprofile: system\n", After: "state: running\nprofile: system\n",
		}},
		Warnings: []string{"web1 is privileged\x1b[2J"},
	}
}

func TestResult(t *testing.T) {
	for _, format := range output.Formats() {
		t.Run(string(format), func(t *testing.T) {
			r := record(output.Options{})
			if err := r.Result(format, mixed()); err != nil {
				t.Fatal(err)
			}
			golden(t, "result-"+string(format)+".txt", r.stdout.String())
			golden(t, "result-"+string(format)+"-talk.txt", r.stderr.String())
		})
	}
}

func TestEmptyResult(t *testing.T) {
	r := record(output.Options{})
	if err := r.Result(output.FormatJSON, output.Result{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "result-empty.json", r.stdout.String())
}

// What a caller puts into the derived fields is ignored, and a program reads back what was printed.
func TestResultReadsBack(t *testing.T) {
	want := mixed()
	want.APIVersion, want.Changed, want.Summary = "other/v9", false, output.Summary{Total: 99}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got output.Result
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want.APIVersion, want.Kind, want.Changed = output.APIVersion, output.KindResult, true
	want.Summary = output.Summary{Total: 5, Changed: 1, Unchanged: 1, Failed: 3}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(output.Failure{}, "Exit")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want.Exit() != got.Exit() {
		t.Errorf("exit %d, read back %d", want.Exit(), got.Exit())
	}
}

func TestResultExit(t *testing.T) {
	ok, busy, gone := output.Item{}, output.Item{Error: failed(output.CodeBusy)}, output.Item{Error: failed("start_failed")}
	interrupted := output.Item{Error: failed(output.CodeInterrupted)}
	tests := []struct {
		summary string
		whole   *output.Failure
		items   []output.Item
		want    int
	}{
		{"no targets", nil, nil, 0},
		{"all well", nil, []output.Item{ok, ok}, 0},
		{"the only one is busy", nil, []output.Item{busy}, 6},
		{"the only one failed otherwise", nil, []output.Item{gone}, 1},
		{"one of two", nil, []output.Item{ok, busy}, 3},
		{"all of several, alike", nil, []output.Item{busy, busy}, 3},
		{"an interrupt outweighs", nil, []output.Item{busy, interrupted, ok}, 130},
		{"the verb as a whole", failed(output.CodeExists), []output.Item{ok}, 5},
		{"read from JSON", &output.Failure{Code: "host_unable"}, nil, 7},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			r := output.Result{Error: test.whole, Items: test.items}
			if got := r.Exit(); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
			if got := output.ExitOf(r.Status()); got != test.want {
				t.Errorf("the status is %d, want %d", got, test.want)
			}
		})
	}
}

// A fleet that fails alike says so once.
func TestFailuresAreFolded(t *testing.T) {
	var result output.Result
	for i := range 100 {
		result.Items = append(result.Items, output.Item{Name: fmt.Sprintf("web%d", i+1), Error: failed(output.CodeBusy)})
	}
	r := record(output.Options{Quiet: true})
	if err := r.Result(output.FormatName, result); err != nil {
		t.Fatal(err)
	}
	if got, want := r.stderr.String(), "sysctr: web[1-100]: cannot start\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSummaryLine(t *testing.T) {
	tests := []struct {
		summary string
		result  output.Result
		want    string
	}{
		{"nothing", output.Result{}, "nothing to do\n"},
		{"changed", output.Result{Items: []output.Item{{Name: "a", Changed: true}}}, "1 changed\n"},
		{"dry run", output.Result{DryRun: true, Items: []output.Item{{Name: "a"}, {Name: "b", Changed: true}}},
			"dry run: 1 changed, 1 unchanged\n"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			r := record(output.Options{})
			if err := r.Result(output.FormatTable, test.result); err != nil {
				t.Fatal(err)
			}
			if got := r.stderr.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFail(t *testing.T) {
	bad := &output.Error{Exit: output.ExitUsage, Message: "no name: \"We\nb\"", Hint: "use a-z"}
	talk := "sysctr: no name: \"We\n  b\"\n  hint: use a-z\n"
	tests := []struct {
		summary string
		format  output.Format
		before  bool // a document was printed before
		err     error
		exit    int
		stderr  string
		json    bool
	}{
		{"nothing", output.FormatJSON, false, nil, 0, "", false},
		{"a status", output.FormatJSON, false, output.Status(17), 17, "", false},
		{"for people", output.FormatTable, false, bad, 2, talk, false},
		{"for programs", output.FormatJSON, false, bad, 2, talk, true},
		{"one document is enough", output.FormatJSON, true, bad, 2, talk, false},
		{"several errors", output.FormatTable, false, errors.Join(errors.New("a"), errors.New("b")), 1, "sysctr: a\n  b\n", false},
		{"no words", output.FormatTable, false, errors.New(""), 1, "sysctr: error\n", false},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			r := record(output.Options{Quiet: true})
			if test.before {
				if err := r.Result(test.format, output.Result{}); err != nil {
					t.Fatal(err)
				}
				r.stdout.Reset()
			}
			if got := r.Fail(test.format, test.err); got != test.exit {
				t.Errorf("exit %d, want %d", got, test.exit)
			}
			if diff := cmp.Diff(test.stderr, r.stderr.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (r.stdout.Len() > 0) != test.json {
				t.Errorf("standard output: %q", r.stdout.String())
			}
			if test.json {
				golden(t, "fail.json", r.stdout.String())
			}
		})
	}
}

// No name, message or hint of a container can begin a line that looks like one of sysctr's own.
func TestFailureCannotForgeALine(t *testing.T) {
	evil := "x\r\nsysctr: web2: all is well\u2028\x1b[2J"
	r := record(output.Options{})
	err := r.Result(output.FormatTable, output.Result{
		Items:    []output.Item{{Name: evil, Action: evil, State: evil, Error: &output.Failure{Code: evil, Message: evil, Hint: evil}}},
		Diff:     []output.Diff{{AfterHeader: evil, After: evil}},
		Warnings: []string{evil},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(r.stdout.String()+r.stderr.String(), "\n") {
		if strings.HasPrefix(line, "sysctr: web2") || output.CleanLine(line) != line {
			t.Errorf("line %q", line)
		}
	}
}
