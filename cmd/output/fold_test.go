package output_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sysctr/sysctr/cmd/output"
)

func TestFold(t *testing.T) {
	type end struct {
		name, text string
		status     int
	}
	tests := []struct {
		summary  string
		terminal bool
		limits   output.FoldLimits
		ends     []end
		want     string
	}{
		{summary: "nothing"},
		{summary: "one", ends: []end{{"web1", "a\nb\n", 0}}, want: "web1:\n  a\n  b\n"},
		{summary: "identical", ends: []end{{"web10", "0\n", 0}, {"web9", "0\n", 0}, {"db1", "0\n", 0}},
			want: "db1,web[9-10] (3 containers):\n  0\n"},
		{summary: "in the order of the first names", ends: []end{{"web2", "b\n", 0}, {"web3", "a\n", 0}, {"web1", "a\n", 0}},
			want: "web[1,3] (2 containers):\n  a\nweb2:\n  b\n"},
		{summary: "a status is part of it", ends: []end{{"web1", "a\n", 0}, {"web2", "a\n", 1}, {"web3", "a\n", 1}},
			want: "web1:\n  a\nweb[2-3] (2 containers, status 1):\n  a\n"},
		{summary: "no output", ends: []end{{"web1", "", 0}, {"web2", "", 127}},
			want: "web1 (no output):\nweb2 (status 127, no output):\n"},
		{summary: "a newline at the end matters", ends: []end{{"web1", "a", 0}, {"web2", "a\n", 0}}, want: "web1:\n  a\nweb2:\n  a\n"},
		{summary: "blank lines stay", ends: []end{{"web1", "\na\n\n", 0}}, want: "web1:\n  \n  a\n  \n"},
		{summary: "no forged heading", ends: []end{{"web1", "web2:\n  x\n", 0}}, want: "web1:\n  web2:\n    x\n"},
		{summary: "terminal", terminal: true, ends: []end{{"web1", "a\rb\x1b[2J\r\n", 0}}, want: "web1:\n  a\\rb\\x1b[2J\n"},
		{summary: "what differs behind the limit differs", limits: output.FoldLimits{Each: 3},
			ends: []end{{"web1", "aaab", 0}, {"web2", "aaac", 0}, {"web3", "aaab", 0}},
			want: "web[1,3] (2 containers, only the first 3B of 4B kept):\n  aaa\nweb2 (only the first 3B of 4B kept):\n  aaa\n"},
		{summary: "the limit of all", limits: output.FoldLimits{Total: 4}, ends: []end{{"web1", "aaa", 0}, {"web2", "bbb", 0}, {"web3", "c", 0}},
			want: "web1:\n  aaa\nweb2 (only the first 1B of 3B kept):\n  b\nweb3 (only the first 0 of 1B kept):\n"},
		{summary: "identical output is kept once", limits: output.FoldLimits{Total: 4},
			ends: []end{{"web1", "aa", 0}, {"web2", "aa", 0}, {"web3", "aa", 0}, {"web4", "bb", 0}},
			want: "web[1-3] (3 containers):\n  aa\nweb4:\n  bb\n"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			var o output.Options
			if test.terminal {
				o.StdoutColumns = columns(80)
			}
			r := record(o)
			f := output.NewFold(test.limits)
			for _, e := range test.ends {
				fmt.Fprint(f.Writer(e.name), e.text)
				f.End(e.name, e.status)
			}
			for range 2 { // the second time there is nothing left
				if err := f.Print(r.Out()); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.stdout.String(); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}

// Nothing stands after a gap: what comes once a limit was hit is dropped too, even where there is room again.
func TestFoldKeepsOnlyABeginning(t *testing.T) {
	f := output.NewFold(output.FoldLimits{Total: 4})
	fmt.Fprint(f.Writer("web1"), "aaa")
	fmt.Fprint(f.Writer("web2"), "aaa")
	f.End("web2", 0)
	f.End("web1", 0)
	fmt.Fprint(f.Writer("web3"), "b")
	fmt.Fprint(f.Writer("web4"), "xy")
	f.End("web3", 0)
	fmt.Fprint(f.Writer("web4"), "z")
	r := record(output.Options{})
	if err := f.Print(r.Out()); err != nil {
		t.Fatal(err)
	}
	want := "web[1-2] (2 containers):\n  aaa\nweb3:\n  b\nweb4 (not ended, only the first 0 of 3B kept):\n"
	if got := r.stdout.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestFoldOfAFleet(t *testing.T) {
	f := output.NewFold(output.FoldLimits{})
	var lanes sync.WaitGroup
	for i := range 100 {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			name := fmt.Sprintf("web%03d", i+1)
			for range 3 {
				fmt.Fprintln(f.Writer(name), strings.Repeat("y", 1000))
			}
			f.End(name, 0)
		}()
	}
	lanes.Wait()
	r := record(output.Options{})
	if err := f.Print(r.Out()); err != nil {
		t.Fatal(err)
	}
	want := "web[001-100] (100 containers):\n" + strings.Repeat("  "+strings.Repeat("y", 1000)+"\n", 3)
	if got := r.stdout.String(); got != want {
		t.Errorf("got %.200q", got)
	}
}

func TestFoldOnAFullDisk(t *testing.T) {
	f := output.NewFold(output.FoldLimits{})
	f.End("web1", 0)
	if err := f.Print(output.New(output.Options{Stdout: full{}}).Out()); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}
