package hooks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sysctr/sysctr/hooks"
)

// TestHookRefreshTriesAgain: what fails and may pass is tried again, ever later and not for ever, and at once when somebody asks.
func TestHookRefreshTriesAgain(t *testing.T) {
	transient, firm := errors.New("no room"), errors.New("halted")
	tests := []struct {
		summary string
		fail    func(look int) error
		marks   []time.Duration
		want    error
		looks   []time.Duration // since the first
	}{
		{"passes", func(n int) error { return []error{transient, transient, nil}[n] }, nil, nil, []time.Duration{0, 35 * time.Second, 75 * time.Second}},
		{"never passes", func(int) error { return transient }, nil, transient, []time.Duration{
			0, 35 * time.Second, 75 * time.Second, 125 * time.Second, 195 * time.Second, 305 * time.Second, 495 * time.Second,
		}},
		{"is asked", func(n int) error { return []error{transient, transient, transient, transient, nil}[n] }, []time.Duration{160 * time.Second}, nil,
			[]time.Duration{0, 35 * time.Second, 75 * time.Second, 125 * time.Second, 161 * time.Second}},
		{"is firm", func(n int) error { return []error{transient, firm}[n] }, nil, firm, []time.Duration{0, 35 * time.Second}},
	}
	for _, test := range tests {
		d := hooks.Dir(t.TempDir())
		w := world{events: map[time.Duration]func(){}}
		for _, at := range test.marks {
			w.events[at] = func() { poke(t, d, "apt") }
		}
		w.onLook = func() error { return test.fail(len(w.looks) - 1) }
		r := w.refresh(d)
		r.Again = func(err error) bool { return errors.Is(err, transient) }
		if ran, err := r.Run(t.Context()); !ran || !errors.Is(err, test.want) || len(w.looks) != len(test.looks) || marked(t, d) {
			t.Errorf("%s: %v, %v, looked %v", test.summary, ran, err, w.looks)
			continue
		}
		for i, want := range test.looks {
			between(t, test.summary+": looked", w.looks[i]-w.looks[0], want)
		}
		if reason, err := d.Waits(); reason != "" || err != nil || w.said[0] != "no room; it is looked again in 5s" {
			t.Errorf("%s: left %q, %v; said %q", test.summary, reason, err, w.said)
		}
	}
}
