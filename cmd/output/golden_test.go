package output_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sysctr/sysctr/cmd/output"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with testdata/NAME.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", path, diff)
	}
}

// recorder is a Printer whose streams, clock and timers a test holds in its hands.
type recorder struct {
	*output.Printer
	stdout, stderr bytes.Buffer

	mu     sync.Mutex
	now    time.Time
	timers []*timer
}

type timer struct {
	at   time.Time
	call func()
}

// columns is the width of a terminal that does not change.
func columns(n int) func() int { return func() int { return n } }

// record returns a Printer with the given options and the recorder's streams and clock.
func record(o output.Options) *recorder {
	r := &recorder{now: time.Unix(1_700_000_000, 0)}
	o.Stdout, o.Stderr = &r.stdout, &r.stderr
	o.Now = func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}
	o.After = func(wait time.Duration, call func()) func() bool {
		due := &timer{at: o.Now().Add(wait), call: call}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.timers = append(r.timers, due)
		return func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			waiting := due.call != nil
			due.call = nil
			return waiting
		}
	}
	r.Printer = output.New(o)
	return r
}

// pass moves the clock and calls the timers that are due by then.
func (r *recorder) pass(d time.Duration) {
	r.mu.Lock()
	r.now = r.now.Add(d)
	var due []func()
	for _, t := range r.timers {
		if t.call != nil && !t.at.After(r.now) {
			due = append(due, t.call)
			t.call = nil
		}
	}
	r.mu.Unlock()
	for _, call := range due {
		call()
	}
}

// take returns what standard error got since the last call.
func (r *recorder) take() string {
	defer r.stderr.Reset()
	return r.stderr.String()
}
