package output_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/output"
)

func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("web%d", i+1)
	}
	return list
}

// expect fails unless standard error got exactly want since it was asked last.
func (r *recorder) expect(t *testing.T, what, want string) {
	t.Helper()
	if got := r.take(); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	r := record(output.Options{StderrColumns: columns(60)})
	g := r.Progress("start", names(7))
	r.expect(t, "the beginning", "\rstart 0/7")
	g.Done("web1", "started", nil)
	r.expect(t, "too soon", "")
	r.pass(49 * time.Millisecond)
	r.expect(t, "still too soon", "")
	r.pass(time.Millisecond)
	r.expect(t, "what was held back", "\rstart 1/7")
	r.pass(time.Second)
	r.expect(t, "nothing new", "")
	g.Done("web2", "", errors.New("no"))
	r.expect(t, "at once", "\rstart 2/7, 1 failed, waiting for web3 web4 web5 web6 web7")
	g.Done("web2", "", nil)
	g.Done("db1", "", nil)
	r.pass(time.Second)
	r.expect(t, "counted twice, unknown", "")
	for _, name := range names(7) {
		g.Done(name, "", nil)
	}
	r.expect(t, "the first of many", "\rstart 3/7, 1 failed, waiting for web4 web5 web6 web7     ")
	r.pass(time.Second)
	r.expect(t, "a shorter line covers the longer", "\rstart 7/7, 1 failed"+strings.Repeat(" ", 38))
	g.End()
	r.expect(t, "the end", "\r"+strings.Repeat(" ", 57)+"\r")
	g.End()
	g.Done("web1", "", nil)
	r.pass(time.Second)
	r.expect(t, "after the end", "")
}

func TestProgressGivesWayToTalk(t *testing.T) {
	r := record(output.Options{StdoutColumns: columns(20), StderrColumns: columns(20)})
	g := r.Progress("stop", names(9))
	r.take()
	r.Say("hello")
	r.expect(t, "talk", "\r        \rhello\n")
	r.pass(50 * time.Millisecond)
	r.expect(t, "it comes back", "\rstop 0/9")
	fmt.Fprintln(r.Out(), "result")
	r.expect(t, "standard output on the same terminal", "\r        \r")
	g.End()
	r.pass(time.Second)
	r.expect(t, "a drawing that was due at the end", "")
	if got := r.stdout.String(); got != "result\n" {
		t.Errorf("standard output is %q", got)
	}
}

// Where standard output goes elsewhere, writing to it leaves the line alone.
func TestProgressBesideAPipe(t *testing.T) {
	r := record(output.Options{StderrColumns: columns(20)})
	defer r.Progress("stop", names(9)).End()
	r.take()
	r.pass(time.Second)
	fmt.Fprintln(r.Out(), "result")
	r.expect(t, "beside", "")
}

func TestProgressFitsTheTerminal(t *testing.T) {
	for _, width := range []int{1, 2, 8, 20} {
		r := record(output.Options{StderrColumns: columns(width)})
		r.Progress("start", names(5))
		line := strings.TrimPrefix(r.take(), "\r")
		if len(line) > width-1 {
			t.Errorf("%d columns: %q", width, line)
		}
	}
}

func TestProgressOnATerminalThatGoesAway(t *testing.T) {
	width := 80
	r := record(output.Options{StderrColumns: func() int { return width }})
	g := r.Progress("start", names(9))
	r.take()
	g.Done("web1", "", nil)
	width = -1
	r.pass(time.Second)
	r.expect(t, "gone", "")
	width = 80
	g.Done("web2", "", nil)
	r.pass(time.Second)
	r.expect(t, "back", "\rstart 2/9")
	g.End()
}

// Without a terminal there is no line; in verbose mode each target gets one.
func TestProgressWithoutALine(t *testing.T) {
	tests := []struct {
		summary string
		options output.Options
		want    string
	}{
		{"no terminal", output.Options{}, ""},
		{"width unknown", output.Options{StderrColumns: columns(0)}, ""},
		{"quiet", output.Options{Quiet: true, Verbose: true, StderrColumns: columns(80)}, ""},
		{"verbose", output.Options{Verbose: true}, "web1: started\nweb2: no \\x1b\n"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			r := record(test.options)
			g := r.Progress("start", names(3))
			g.Done("web1", "started", nil)
			r.pass(time.Second)
			g.Done("web2", "", errors.New("no \x1b"))
			g.Done("web2", "", errors.New("no \x1b"))
			g.End()
			r.expect(t, test.summary, test.want)
		})
	}
	r := record(output.Options{StderrColumns: columns(80)})
	r.Progress("start", nil).End()
	r.expect(t, "no targets", "")
}

func TestALaterProgressTakesTheLine(t *testing.T) {
	r := record(output.Options{StderrColumns: columns(80)})
	first := r.Progress("stop", names(9))
	first.Done("web1", "", nil)
	second := r.Progress("start", names(8))
	r.take()
	r.pass(time.Second)
	first.Done("web2", "", nil)
	first.End()
	r.expect(t, "the first is silent", "")
	second.Done("web1", "", nil)
	r.expect(t, "the second draws", "\rstart 1/8")
	second.End()
}

// lines passes on what is written, one write at a time.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// With the clock and timers of the machine what was held back is drawn as well.
func TestProgressByTheRealClock(t *testing.T) {
	stderr := make(lines, 10)
	p := output.New(output.Options{Stderr: stderr, StderrColumns: columns(80)})
	g := p.Progress("start", names(9))
	g.Done("web1", "", nil)
	deadline := time.After(10 * time.Second)
	for _, want := range []string{"\rstart 0/9", "\rstart 1/9"} {
		select {
		case got := <-stderr:
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		case <-deadline:
			t.Fatalf("%q is not drawn", want)
		}
	}
	g.End()
}

// A thousand targets in a second are drawn 20 times and once at the beginning.
func TestProgressIsDrawnTwentyTimesASecond(t *testing.T) {
	r := record(output.Options{StderrColumns: columns(80)})
	g := r.Progress("start", names(1000))
	for _, name := range names(1000) {
		r.pass(time.Millisecond)
		g.Done(name, "", nil)
	}
	if got := strings.Count(r.take(), "\r"); got < 20 || got > 21 {
		t.Errorf("drawn %d times", got)
	}
}
