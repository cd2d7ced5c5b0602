package output_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sysctr/sysctr/cmd/output"
)

func TestTalk(t *testing.T) {
	tests := []struct {
		summary string
		options output.Options
		want    string
	}{
		{"usual", output.Options{}, "said 1\\x1b\nsysctr: warning: danger\n"},
		{"verbose", output.Options{Verbose: true}, "said 1\\x1b\ndetail\nsysctr: warning: danger\n"},
		{"quiet", output.Options{Quiet: true}, "sysctr: warning: danger\n"},
		{"quiet outweighs verbose", output.Options{Quiet: true, Verbose: true}, "sysctr: warning: danger\n"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			r := record(test.options)
			r.Say("said %d%s", 1, "\x1b")
			r.Detail("detail")
			r.Warn("danger")
			if got := r.stderr.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if r.stdout.Len() > 0 {
				t.Errorf("talk on standard output: %q", r.stdout.String())
			}
		})
	}
}

func TestZeroOptionsSpeakNowhere(t *testing.T) {
	p := output.New(output.Options{})
	p.Say("x")
	g := p.Progress("start", []string{"web1"})
	g.Done("web1", "started", nil)
	g.End()
	if err := p.Result(output.FormatTable, mixed()); err != nil {
		t.Error(err)
	}
	if p.Out().Terminal() || p.Err().Terminal() {
		t.Error("nowhere is a terminal")
	}
}

// Everything at once, for the race detector; and what reaches the streams is whole lines.
func TestPrinterIsSafeForConcurrentUse(t *testing.T) {
	r := record(output.Options{Verbose: true})
	names := make([]string, 32)
	for i := range names {
		names[i] = fmt.Sprintf("web%d", i)
	}
	g := r.Progress("start", names)
	var lanes sync.WaitGroup
	for _, name := range names {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			w := output.NewPrefixWriter(r.Out(), name)
			for range 50 {
				fmt.Fprintf(w, "one line of ")
				fmt.Fprintf(w, "%s\n", name)
			}
			r.Say("say %s", name)
			g.Done(name, "done", nil)
		}()
	}
	lanes.Wait()
	g.End()
	count := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(r.stdout.String()+r.stderr.String()), "\n") {
		count[line]++
	}
	for _, name := range names {
		if got := count[name+": one line of "+name]; got != 50 {
			t.Errorf("%s has %d whole lines of 50", name, got)
		}
		if count["say "+name] != 1 || count[name+": done"] != 1 {
			t.Errorf("%s: the talk is torn", name)
		}
	}
	if len(count) != 3*len(names) {
		t.Errorf("%d different lines, want %d", len(count), 3*len(names))
	}
}
