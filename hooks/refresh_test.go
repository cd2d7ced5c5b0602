package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sysctr/sysctr/hooks"
)

// world is a package manager, a clock that only sleeping moves, and what a refresh did.
type world struct {
	now      time.Duration
	events   map[time.Duration]func() // what others do, and when
	who      string
	problems []string
	err      error
	said     []string
	looks    []time.Duration
	onLook   func() error
}

func (w *world) Busy(context.Context) (string, error)      { return w.who, w.err }
func (w *world) Unclean(context.Context) ([]string, error) { return w.problems, nil }
func (w *world) Now() time.Time                            { return time.Unix(0, 0).Add(w.now) }

func (w *world) Sleep(ctx context.Context, d time.Duration) error {
	end := w.now + d
	for _, at := range slices.Sorted(maps.Keys(w.events)) {
		if at <= end {
			w.now = at
			w.events[at]()
			delete(w.events, at)
		}
	}
	w.now = max(end, w.now)
	return ctx.Err()
}

func (w *world) refresh(d hooks.Dir) hooks.Refresh {
	return hooks.Refresh{
		Clock: w, Dir: d, Packages: w, Settle: 30 * time.Second,
		Say: func(format string, args ...any) { w.said = append(w.said, fmt.Sprintf(format, args...)) },
		Look: func(context.Context) error {
			w.looks = append(w.looks, w.now)
			if w.onLook != nil {
				return w.onLook()
			}
			return nil
		},
	}
}

// between says that a time is low, but for the rhythm of asking, some times over.
func between(t *testing.T, what string, got, low time.Duration) {
	t.Helper()
	if got < low-time.Second || got > low+2*time.Second {
		t.Errorf("%s after %v, want %v", what, got, low)
	}
}

func poke(t *testing.T, d hooks.Dir, source string) {
	t.Helper()
	if err := d.Poke(source); err != nil {
		t.Error(err)
	}
}

func TestHookRefreshSettles(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	poke(t, d, "apt")
	var w world
	w.events = map[time.Duration]func(){
		20 * time.Second:  func() { poke(t, d, "dpkg") }, // the next of several runs
		40 * time.Second:  func() { w.who = "apt-get (7) holds /lock" },
		100 * time.Second: func() { w.who = "" },
	}
	ran, err := w.refresh(d).Run(t.Context())
	if !ran || err != nil || len(w.looks) != 1 {
		t.Fatalf("%v, %v, looked %v", ran, err, w.looks)
	}
	between(t, "looked", w.looks[0], 130*time.Second)
	if want := []string{"waiting: apt-get (7) holds /lock"}; !slices.Equal(w.said, want) {
		t.Errorf("said %q", w.said)
	}
	if marked(t, d) {
		t.Error("the mark stays")
	}
}

func TestHookRefreshWithoutAMark(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	var w world
	r := w.refresh(d)
	if ran, err := r.Run(t.Context()); !ran || err != nil || len(w.looks) != 1 {
		t.Fatalf("%v, %v, looked %v", ran, err, w.looks)
	}
	between(t, "looked", w.looks[0], 30*time.Second)
	r.Settle = 0
	if ran, err := r.Run(t.Context()); !ran || err != nil || len(w.looks) != 2 {
		t.Fatalf("%v, %v, looked %v", ran, err, w.looks)
	}
	between(t, "looked once more", w.looks[1]-w.looks[0], 0)
}

// TestHookRefreshHolds: a half installed package holds it, for as long as it is so; the reason is said once and can be read meanwhile.
func TestHookRefreshHolds(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	w := world{problems: []string{"hello is half-configured", "a is unpacked"}}
	var seen string
	w.events = map[time.Duration]func(){
		20 * time.Minute:        func() { seen, _ = d.Waits() },
		time.Hour:               func() { w.who, w.problems = "dpkg (9)", nil },
		time.Hour + time.Minute: func() { w.who = "" },
	}
	if ran, err := w.refresh(d).Run(t.Context()); !ran || err != nil || len(w.looks) != 1 {
		t.Fatalf("%v, %v, looked %v", ran, err, w.looks)
	}
	between(t, "looked", w.looks[0], time.Hour+90*time.Second)
	held := "held: hello is half-configured; a is unpacked"
	if want := []string{held, "waiting: dpkg (9)"}; !slices.Equal(w.said, want) {
		t.Errorf("said %q", w.said)
	}
	if seen != held {
		t.Errorf("seen from outside: %q", seen)
	}
	if after, err := d.Waits(); after != "" || err != nil {
		t.Errorf("seen after it: %q, %v", after, err)
	}
}

// TestHookRefreshThatCannotTell never looks, since it might look at half a change.
func TestHookRefreshThatCannotTell(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	w := world{err: errors.New("no such database")}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.events = map[time.Duration]func(){24 * time.Hour: cancel}
	ran, err := w.refresh(d).Run(ctx)
	if !ran || !errors.Is(err, context.Canceled) || w.looks != nil {
		t.Errorf("%v, %v, looked %v", ran, err, w.looks)
	}
	if len(w.said) != 1 || !strings.Contains(w.said[0], "no such database") {
		t.Errorf("said %q", w.said)
	}
	if reason, err := d.Waits(); reason != "" || err != nil {
		t.Errorf("left %q, %v", reason, err)
	}
}

// TestHookRefreshLooksAgain: what changes during a look is looked at after it.
func TestHookRefreshLooksAgain(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	var w world
	w.onLook = func() error {
		if len(w.looks) < 3 {
			poke(t, d, "apt")
		}
		w.now += 10 * time.Minute // a roll
		return nil
	}
	if ran, err := w.refresh(d).Run(t.Context()); !ran || err != nil || len(w.looks) != 3 {
		t.Fatalf("%v, %v, looked %v", ran, err, w.looks)
	}
	between(t, "looked again", w.looks[1]-w.looks[0], 10*time.Minute+30*time.Second)
}

func TestHookRefreshReportsAFailedLook(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	want := errors.New("the canary is sick")
	w := world{onLook: func() error { poke(t, d, "apt"); return want }}
	if ran, err := w.refresh(d).Run(t.Context()); !ran || !errors.Is(err, want) || len(w.looks) != 1 {
		t.Errorf("%v, %v, looked %v", ran, err, w.looks)
	}
	if !marked(t, d) {
		t.Error("the mark that came back is gone, and nobody has answered it")
	}
}

// TestHookRefreshIsSingle: a second one leaves the mark to the first, which looks again; nobody looks beside it.
func TestHookRefreshIsSingle(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	var w, other world
	second := other.refresh(d)
	w.onLook = func() error {
		if len(w.looks) == 1 {
			if ran, err := second.Run(t.Context()); ran || err != nil || other.looks != nil {
				t.Errorf("beside another: %v, %v, looked %v", ran, err, other.looks)
			}
		}
		return nil
	}
	if ran, err := w.refresh(d).Run(t.Context()); !ran || err != nil || len(w.looks) != 2 {
		t.Errorf("%v, %v, looked %v", ran, err, w.looks)
	}
	if ran, err := second.Run(t.Context()); !ran || err != nil || len(other.looks) != 1 {
		t.Errorf("after it: %v, %v, looked %v", ran, err, other.looks)
	}
}

// TestHookRefreshWaitsItsTurn: one that is told to wait for another looks after it, and leaves it no mark.
func TestHookRefreshWaitsItsTurn(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	held, end := make(chan bool), make(chan bool)
	first := world{onLook: func() error { held <- true; <-end; return nil }}
	done := make(chan error)
	go func() {
		_, err := first.refresh(d).Run(t.Context())
		done <- err
	}()
	<-held
	var w world
	w.events = map[time.Duration]func(){time.Hour: func() {
		if marked(t, d) || w.looks != nil {
			t.Errorf("while another is at work: looked %v", w.looks)
		}
		end <- true
		if err := <-done; err != nil {
			t.Error(err)
		}
	}}
	r := w.refresh(d)
	r.Wait = true
	if ran, err := r.Run(t.Context()); !ran || err != nil || len(w.looks) != 1 || len(first.looks) != 1 {
		t.Errorf("%v, %v, looked %v after %v", ran, err, w.looks, first.looks)
	}
}

// TestHookRefreshStorm: of many at once, all marks are answered and never two look at a time.
func TestHookRefreshStorm(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	var looking, looks, answered, marks atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Add(1)
		go func() {
			defer group.Done()
			marks.Add(1)
			poke(t, d, "apt")
			r := (&world{}).refresh(d)
			r.Clock, r.Settle = hooks.WallClock{}, 0
			r.Look = func(context.Context) error {
				if looking.Add(1) > 1 {
					t.Error("two look at a time")
				}
				answered.Store(marks.Load())
				looks.Add(1)
				looking.Add(-1)
				return nil
			}
			if _, err := r.Run(t.Context()); err != nil {
				t.Error(err)
			}
		}()
	}
	group.Wait()
	if marked(t, d) || answered.Load() != 50 {
		t.Errorf("%d looks have answered %d of 50 marks", looks.Load(), answered.Load())
	}
}

func TestHookRefreshWhereNothingIsPrepared(t *testing.T) {
	d := hooks.Dir(filepath.Join(t.TempDir(), "gone"))
	var w world
	if ran, err := w.refresh(d).Run(t.Context()); ran || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, %v", ran, err)
	}
	if reason, err := d.Waits(); reason != "" || err != nil {
		t.Errorf("%q, %v", reason, err)
	}
}
