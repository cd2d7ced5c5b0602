package manager_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
)

// TestLifecycle takes containers through all verbs.
func TestLifecycle(t *testing.T) {
	f := newFleet(t)
	ctx := context.Background()
	f.create(t, spec(t), "a", "b")
	steps := []struct {
		verb string
		run  func(w manager.World, names []string) []manager.Outcome
		want record.State
	}{
		{"start", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Start(ctx, manager.PlanStart(w, n), manager.Apply{})
		}, record.Running},
		{"start again", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Start(ctx, manager.PlanStart(w, n), manager.Apply{})
		}, record.Running},
		{"restart", func(w manager.World, n []string) []manager.Outcome {
			return f.Restart(ctx, manager.PlanRestart(w, n), manager.Apply{})
		}, record.Running},
		{"wait", func(w manager.World, n []string) []manager.Outcome {
			return f.Wait(ctx, manager.PlanWait(w, n, false), manager.Apply{})
		}, record.Running},
		{"stop", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Stop(ctx, manager.PlanStop(w, n), manager.Apply{})
		}, record.Stopped},
		{"stop again", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Stop(ctx, manager.PlanStop(w, n), manager.Apply{})
		}, record.Stopped},
		{"restart what is stopped", func(w manager.World, n []string) []manager.Outcome {
			return f.Restart(ctx, manager.PlanRestart(w, n), manager.Apply{})
		}, record.Stopped},
		{"start once more", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Start(ctx, manager.PlanStart(w, n), manager.Apply{NoWait: true})
		}, record.Running},
		{"kill", func(w manager.World, n []string) []manager.Outcome {
			return f.Manager.Stop(ctx, manager.PlanKill(w, n), manager.Apply{})
		}, record.Stopped},
		{"destroy", func(w manager.World, n []string) []manager.Outcome {
			return f.Destroy(ctx, manager.PlanDestroy(w, n, false), manager.Apply{})
		}, "none"},
	}
	for _, step := range steps {
		good(t, step.run(f.observe(t), []string{"a", "b"}))
		for _, n := range []string{"a", "b"} {
			if got := f.stateOf(t, n); got != step.want {
				t.Errorf("after %s %s is %s, want %s", step.verb, n, got, step.want)
			}
		}
	}
	if left := f.entries(t); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	if f.opened != 3 || f.closed != 3 {
		t.Errorf("%d runtimes were opened and %d closed by the three verbs that start something", f.opened, f.closed)
	}
}

// TestBusy: two commands on one name; the second is told, and the other lanes go on.
func TestBusy(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a", "b")
	inside, leave := make(chan struct{}), make(chan struct{})
	f.before = func(_ context.Context, n string, _ func()) error {
		if n == "a" {
			close(inside)
			<-leave
		}
		return nil
	}
	first := make(chan []manager.Outcome)
	go func() {
		first <- f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{})
	}()
	<-inside
	other := f.open(t, nil)
	outcomes := other.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a", "b"}), manager.Apply{})
	if !errors.Is(outcomes[0].Err, record.ErrBusy) || outcomes[0].Changed || outcomes[1].Err != nil {
		t.Errorf("the second command: %+v", outcomes)
	}
	for _, o := range other.Destroy(context.Background(), manager.PlanDestroy(f.observe(t), []string{"a"}, true), manager.Apply{}) {
		if !errors.Is(o.Err, record.ErrBusy) {
			t.Errorf("a destroy meanwhile: %v", o.Err)
		}
	}
	close(leave)
	good(t, <-first)
	if f.stateOf(t, "a") != record.Running {
		t.Errorf("a is %s", f.stateOf(t, "a"))
	}
}

// TestOneFailure does not stop the other lanes, and each is reported once.
func TestOneFailure(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a", "b", "c")
	f.before = func(_ context.Context, n string, _ func()) error {
		if n == "b" {
			return errors.New("no luck")
		}
		return nil
	}
	var mu sync.Mutex
	var reported []string
	outcomes := f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a", "b", "c", "gone"}), manager.Apply{
		Report: func(o manager.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			reported = append(reported, o.Name)
		},
	})
	for _, o := range outcomes {
		if (o.Err != nil) != (o.Name == "b" || o.Name == "gone") {
			t.Errorf("%s: %v", o.Name, o.Err)
		}
	}
	slices.Sort(reported)
	if !slices.Equal(reported, []string{"a", "b", "c", "gone"}) {
		t.Errorf("reported are %v", reported)
	}
	if f.stateOf(t, "b") != record.Stopped {
		t.Errorf("b is %s", f.stateOf(t, "b"))
	}
}

func TestParallel(t *testing.T) {
	f := newFleet(t)
	names := []string{"a", "b", "c", "d", "e", "f"}
	f.create(t, spec(t), names...)
	three := make(chan struct{}, 3)
	f.before = func(context.Context, string, func()) error { // nobody leaves until three are inside, or nobody else can come
		three <- struct{}{}
		for len(three) < cap(three) {
			time.Sleep(time.Millisecond)
		}
		return nil
	}
	good(t, f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), names[:3]), manager.Apply{Parallel: 3}))
	if f.most != 3 {
		t.Errorf("with --parallel 3 at most %d were started at a time", f.most)
	}
	f.before, f.most = nil, 0
	good(t, f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), names[3:]), manager.Apply{Parallel: 1}))
	if f.most != 1 || !slices.Equal(f.begun[3:], names[3:]) {
		t.Errorf("with --parallel 1 at most %d were started at a time, in the order %v", f.most, f.begun[3:])
	}
}

// TestCancelled: no further lane is begun.
func TestCancelled(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a", "b", "c")
	ctx, cancel := context.WithCancel(context.Background())
	f.before = func(ctx context.Context, _ string, _ func()) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}
	for _, o := range f.Manager.Start(ctx, manager.PlanStart(f.observe(t), []string{"a", "b", "c"}), manager.Apply{Parallel: 1}) {
		if !errors.Is(o.Err, context.Canceled) {
			t.Errorf("%s: %v", o.Name, o.Err)
		}
	}
	if !slices.Equal(f.begun, []string{"a"}) {
		t.Errorf("begun are %v", f.begun)
	}
}

// TestTimeout: the lane's own time is told apart from every other deadline, and no failure becomes a success.
func TestTimeout(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	for _, test := range []struct {
		summary string
		timeout time.Duration
		before  func(ctx context.Context) error
		want    string
	}{
		{"it takes too long", time.Millisecond, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, "took longer than 1ms"},
		{"another deadline, within the time", time.Hour, func(context.Context) error {
			return fmt.Errorf("the monitor does not end: %w", context.DeadlineExceeded)
		}, "the monitor does not end"},
		{"another deadline, no time set", 0, func(context.Context) error { return fmt.Errorf("hangs: %w", context.DeadlineExceeded) }, "hangs"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			f.before = func(ctx context.Context, _ string, _ func()) error { return test.before(ctx) }
			o := f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{Timeout: test.timeout})[0]
			if o.Err == nil || !strings.Contains(o.Err.Error(), test.want) {
				t.Errorf("Start: %v, want %q", o.Err, test.want)
			}
		})
	}
}

// TestStartGoesOn: whoever gave up waiting leaves the start to the starter, and the container to nobody else until that has finished.
func TestStartGoesOn(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	gone, finish := make(chan struct{}), make(chan struct{})
	f.before = func(ctx context.Context, _ string, _ func()) error {
		cancel()
		<-ctx.Done()
		close(gone)
		return ctx.Err() // as lxc.Client says it, while the starter goes on
	}
	f.closing = func() { <-finish }
	first := make(chan []manager.Outcome)
	go func() { first <- f.Manager.Start(ctx, manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{}) }()
	<-gone
	short, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	other := f.open(t, nil)
	o := other.Destroy(short, manager.PlanDestroy(f.observe(t), []string{"a"}, true), manager.Apply{})[0]
	if !errors.Is(o.Err, record.ErrBusy) {
		t.Errorf("a destroy while the starter is at work: %v, want busy", o.Err)
	}
	close(finish)
	<-first
	good(t, other.Destroy(context.Background(), manager.PlanDestroy(f.observe(t), []string{"a"}, true), manager.Apply{}))
}

// TestDamagedLiveness: what cannot be read is not taken for a container that does not run.
func TestDamagedLiveness(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	for _, text := range []string{"", "{", `{"format":1}`} {
		dir := f.live.Dir("a")
		if err := errors.Join(os.MkdirAll(dir, 0o711), os.WriteFile(dir+"/live.json", []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := f.stateOf(t, "a"); got != record.Broken {
			t.Errorf("with the liveness file %q it is %s", text, got)
		}
		good(t, f.Manager.Stop(context.Background(), manager.PlanStop(f.observe(t), []string{"a"}), manager.Apply{}))
		if got := f.stateOf(t, "a"); got != record.Stopped {
			t.Errorf("stopped, it is %s", got)
		}
	}
}

// TestDamagedUnit: of a unit's container of which the liveness file says nothing, the unit is stopped before the delta is gone.
func TestDamagedUnit(t *testing.T) {
	f := newFleet(t)
	f.unit = true
	batch := f.Manager
	f.Manager = f.open(t, f.fakeHost)
	defer func() { f.Manager = batch }() // which the test's end uses, after this one is closed
	for _, end := range []string{"destroy", "kill"} {
		f.create(t, spec(t), "a")
		good(t, f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{}))
		if err := os.WriteFile(f.live.Dir("a")+"/live.json", []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if end == "kill" {
			good(t, f.Manager.Stop(context.Background(), manager.PlanStop(f.observe(t), []string{"a"}), manager.Apply{Now: true}))
		} else {
			good(t, f.Destroy(context.Background(), manager.PlanDestroy(f.observe(t), []string{"a"}, true), manager.Apply{}))
		}
		for _, p := range f.known["a"] {
			if p.Alive() {
				t.Errorf("after %s process %d goes on", end, p.PID)
			}
		}
	}
}
