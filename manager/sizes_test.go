package manager_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// deltas are containers with deltas of some files.
func deltas(t *testing.T, m *manager.Manager, files ...int) []manager.Container {
	t.Helper()
	all := make([]manager.Container, len(files))
	for i, n := range files {
		name := fmt.Sprintf("d%d", i)
		all[i] = manager.Container{Name: name, Record: record.Record{Name: name, MachineID: fmt.Sprintf("%032x", i)}}
		for f := range n {
			put(t, filepath.Join(m.Dirs.Delta(name), "upper", fmt.Sprint(f)), strings.Repeat("x", 4096))
		}
		if err := os.MkdirAll(filepath.Join(m.Dirs.Delta(name), "work"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSizes(t *testing.T) {
	m, _, _ := heard(t)
	all := deltas(t, m, 0, 10, 1)
	s := m.Sizes()
	if got := s.Of(all[1]); got.OK {
		t.Errorf("before anything is measured: %+v", got)
	}
	s.Measure(t.Context(), all)
	small, large := s.Of(all[0]), s.Of(all[1])
	if !small.OK || !large.OK || large.Value < small.Value+10*4096 {
		t.Errorf("measured %+v and %+v", small, large)
	}
	put(t, filepath.Join(m.Dirs.Delta("d1"), "upper", "more"), strings.Repeat("x", 1<<20))
	again := m.Sizes() // another process
	if got := again.Of(all[1]); got != large {
		t.Errorf("kept %+v, want %+v", got, large)
	}
	again.Measure(t.Context(), all)
	if got := again.Of(all[1]); got != large {
		t.Errorf("a fresh figure was renewed: %+v", got)
	}
	other := all[1]
	other.Record.MachineID = strings.Repeat("f", 32) // destroyed and created again
	if got := again.Of(other); got.OK {
		t.Errorf("another container of the name has %+v", got)
	}
}

// Whoever waits no longer gets what is known by then, and nothing that was begun counts as found out: the next one begins with it.
func TestSizesInTime(t *testing.T) {
	m, _, _ := heard(t)
	all := deltas(t, m, 3000, 1)
	s := m.Sizes()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancelLate()
	for _, over := range []context.Context{cancelled, late} {
		s.Measure(over, all)
		s.MeasureOne(over, all[0]) // whether Measure still begins with anything is chance
	}
	if got := s.Of(all[0]); got != (alive.Figure{}) {
		t.Errorf("measured in no time: %+v", got)
	}
	s.Measure(t.Context(), all)
	for _, c := range all {
		if got := s.Of(c); !got.OK {
			t.Errorf("%s is never measured", c.Name)
		}
	}
}

// What lies where the figures are kept is no reason to fail.
func TestSizesOverDamage(t *testing.T) {
	for _, text := range []string{"", "{", `{"x":5}`, `[]`, `{"00000000000000000000000000000000":{"bytes":-1,"ok":true,"at":"2999-01-01T00:00:00Z"}}`} {
		m, _, _ := heard(t)
		all := deltas(t, m, 1)
		put(t, filepath.Join(m.Dirs.Run, "sizes.json"), text)
		s := m.Sizes()
		s.Measure(t.Context(), all)
		if got := s.Of(all[0]); !got.OK || got.Value > 1<<20 {
			t.Errorf("%q: measured %+v", text, got)
		}
	}
}

func TestRate(t *testing.T) {
	at := time.Unix(1000, 0)
	count := func(after time.Duration, pid int, cpu, read alive.Figure) manager.Sample {
		return manager.Sample{"a1": {At: at.Add(after), Init: alive.Process{PID: pid, Start: 1}, Usage: alive.Usage{CPU: cpu, Read: read}}}
	}
	known := func(v uint64) alive.Figure { return alive.Figure{Value: v, OK: true} }
	before := count(0, 1, known(1e9), known(100))
	for _, test := range []struct {
		summary string
		now     manager.Sample
		want    manager.Rate
	}{
		{"both", count(2*time.Second, 1, known(4e9), known(300)), manager.Rate{CPU: 1.5, CPUOK: true, Read: 100, ReadOK: true}},
		{"one is not counted", count(2*time.Second, 1, known(1e9), alive.Figure{}), manager.Rate{CPUOK: true}},
		{"another run", count(2*time.Second, 2, known(4e9), known(300)), manager.Rate{}},
		{"the same moment", count(0, 1, known(4e9), known(300)), manager.Rate{}},
		{"backwards", count(2*time.Second, 1, known(5), known(5)), manager.Rate{}},
		{"gone", manager.Sample{}, manager.Rate{}},
	} {
		if got := test.now.Rate(before, "a1"); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.summary, got, test.want)
		}
	}
	if got := before.Rate(manager.Sample{}, "a1"); got != (manager.Rate{}) {
		t.Errorf("without one before: %+v", got)
	}
}
