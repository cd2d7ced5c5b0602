package output_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/output"
)

func TestPrefixWriter(t *testing.T) {
	long := strings.Repeat("x", output.MaxLine)
	tests := []struct {
		summary  string
		terminal bool
		writes   []string
		want     string // before Close
		closed   string // what Close adds
	}{
		{"nothing", false, nil, "", ""},
		{"an empty write", false, []string{""}, "", ""},
		{"a line", false, []string{"a\n"}, "web3: a\n", ""},
		{"lines in one write", false, []string{"a\n\nb\n"}, "web3: a\nweb3: \nweb3: b\n", ""},
		{"a line in pieces", false, []string{"a", "b", "c\nd"}, "web3: abc\n", "web3: d\n"},
		{"the longest line", false, []string{long, "\n"}, "web3: " + long + "\n", ""},
		{"a longer line", false, []string{long, "y\n"}, "web3: " + long + "\nweb3: y\n", ""},
		{"a longer line at once", false, []string{"z" + long}, "web3: z" + long[1:] + "\n", "web3: x\n"},
		{"bytes pass to a pipe", false, []string{"\x1b[31m\xff\r\n"}, "web3: \x1b[31m\xff\r\n", ""},
		{"but not to a terminal", true, []string{"\x1b[31m\xff\ta\rb\r\n"}, "web3: \\x1b[31m\\xff\ta\\rb\n", ""},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			var o output.Options
			if test.terminal {
				o.StdoutColumns = columns(80)
			}
			r := record(o)
			w := output.NewPrefixWriter(r.Out(), "web3")
			for _, piece := range test.writes {
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			if got := r.stdout.String(); got != test.want {
				t.Errorf("got %.200q, want %.200q", got, test.want)
			}
			r.stdout.Reset()
			for range 2 {
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.stdout.String(); got != test.closed {
				t.Errorf("closing wrote %.200q, want %.200q", got, test.closed)
			}
		})
	}
}

func TestPrefixWriterReportsTheStream(t *testing.T) {
	w := output.NewPrefixWriter(output.New(output.Options{Stdout: full{}}).Out(), "web3")
	if _, err := w.Write([]byte("a")); err != nil {
		t.Errorf("an unfinished line: %v", err)
	}
	if _, err := w.Write([]byte("\nb")); !errors.Is(err, errFull) {
		t.Errorf("a line: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("the rest: %v", err)
	}
}

// FuzzPrefixWriter: however the output is cut into writes, it is the same, every line has the prefix, and without the prefixes it is
// what was written with a newline at its end.
func FuzzPrefixWriter(f *testing.F) {
	f.Add([]byte("a\nb"), uint8(1))
	f.Add([]byte("\n\n"), uint8(3))
	f.Add(bytes.Repeat([]byte("0123456789"), 300), uint8(255))
	f.Fuzz(func(t *testing.T, text []byte, step uint8) {
		if len(text) > output.MaxLine {
			return
		}
		r := record(output.Options{})
		w := output.NewPrefixWriter(r.Out(), "web3")
		for rest := text; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := string(text)
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		var got strings.Builder
		for _, line := range strings.SplitAfter(r.stdout.String(), "\n") {
			rest, ok := strings.CutPrefix(line, "web3: ")
			if !ok && line != "" {
				t.Fatalf("a line without prefix: %q", line)
			}
			got.WriteString(rest)
		}
		if got.String() != want {
			t.Errorf("got %q, want %q", got.String(), want)
		}
	})
}

func TestLineWriter(t *testing.T) {
	r := record(output.Options{StdoutColumns: columns(80)})
	w := output.NewLineWriter(r.Out())
	if _, err := w.Write([]byte("a\x1b\nb")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := r.stdout.String(); got != "a\\x1b\nb\n" {
		t.Errorf("got %q", got)
	}
}
