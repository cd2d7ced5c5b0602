//go:build go1.25

package roll_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// meddle does what people and accidents do, at random moments until ctx ends.
func (s *schedule) meddle(ctx context.Context) {
	store := roll.Open(s.dir).WithWrite(unsynced)
	for ctx.Err() == nil {
		time.Sleep(time.Duration(s.random(int(40 * time.Second))))
		name := fmt.Sprint("web", s.random(11))
		var err error
		switch s.random(14) {
		case 0:
			s.hand(name, func(c *container) {
				c.running, c.byHand, c.marked, c.crashed, c.frozen = false, true, false, false, false
			})
		case 1, 2:
			s.hand(name, func(c *container) {
				if c.byHand || c.crashed || c.marked {
					c.byHand, c.marked = false, false
					s.start(c, name)
				}
			})
		case 3:
			s.hand(name, func(*container) { delete(s.containers, name) })
		case 4:
			s.mu.Lock()
			if s.containers[name] == nil {
				s.containers[name] = &container{}
				s.start(s.containers[name], name)
			}
			s.mu.Unlock()
		case 5:
			s.hand(name, func(c *container) { // restart
				if c.running {
					s.start(c, name)
				}
			})
		case 6:
			s.hand(name, func(c *container) { c.frozen = c.running && !c.frozen })
		case 7:
			s.hand(name, func(c *container) {
				if c.running {
					c.running, c.crashed, c.marked = false, true, false // a mark is left by who was killed between the start and taking it away
				}
			})
		case 8:
			s.hand(name, func(c *container) { c.ready = !c.ready })
		case 9:
			s.hand(name, func(c *container) { c.locked = true })
			time.Sleep(time.Duration(s.random(int(20 * time.Second))))
			s.unlock(name)
		case 10:
			err = store.Hold(name, time.Now().Add(time.Duration(s.random(int(5*time.Minute)))))
		case 11:
			err = store.Pause()
			time.Sleep(time.Duration(s.random(int(time.Minute))))
			err = errors.Join(err, ignoreNone(store.Resume()))
		case 12:
			if s.random(4) == 0 {
				s.patch()
			}
		case 13:
			err = ignoreNone(store.Resume())
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

func ignoreNone(err error) error {
	if errors.Is(err, roll.ErrNone) {
		return nil
	}
	return err
}

// heal ends what people and accidents have done.
func (s *schedule) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.containers {
		c.ready, c.frozen, c.locked, c.crashed = true, false, false, false
	}
}

// TestMeddling: whatever is done by hand during a roll, nobody who was stopped by hand is started, the roll does not break off by itself, and once
// it is quiet the next plan leaves nobody behind.
func TestMeddling(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 10
	}
	var restarts, handed int
	for seed := range seeds {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSchedule(t, uint64(seed)+1e6, dir)
			s.stopped = nil // the world changes between a decision and what follows
			s.policy.Window, s.window = nil, nil
			s.patch()
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
			defer cancel()
			quiet := make(chan bool)
			go func() { s.meddle(ctx); close(quiet) }()
			for ctx.Err() == nil {
				_, err := s.drive(s.dir, s.random(60), nil)
				if err != nil && !errors.Is(err, errKilled) && !errors.Is(err, roll.ErrHalted) {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			<-quiet
			s.heal()
			s.settleDown(seed)
			restarts, handed = restarts+len(s.stops), handed+s.handed
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d schedules, %d restarts, %d acts", seeds, restarts, handed)
	if restarts < seeds || handed < 10*seeds {
		t.Error("the simulation does too little")
	}
}

// settleDown is what comes afterwards: one more plan, with nobody interfering.
func (s *schedule) settleDown(seed int) {
	time.Sleep(10 * time.Minute) // the holds
	store := roll.Open(s.dir).WithWrite(unsynced)
	for range 3 { // a member that failed when it was not ready is looked at again
		if err := ignoreNone(store.Resume()); err != nil {
			s.t.Fatal(err)
		}
		s.patchless()
		if r, err := s.drive(s.dir, -1, nil); err != nil && !errors.Is(err, roll.ErrHalted) {
			s.t.Fatalf("seed %d: %s %v", seed, r.State, err)
		}
	}
	for _, w := range s.wrong {
		s.t.Errorf("seed %d: %s", seed, w)
	}
	for n, c := range s.containers {
		if c.running && c.generation < s.generation {
			s.t.Errorf("seed %d: %s is left on generation %d of %d", seed, n, c.generation, s.generation)
		}
		if c.marked && !c.running {
			s.t.Errorf("seed %d: %s was left half-restarted", seed, n)
		}
	}
}

// patchless is a plan without a new patch, as an hourly look makes it.
func (s *schedule) patchless() {
	if err := roll.Open(s.dir).WithWrite(unsynced).Submit(s.plan(s.policy, s.shape)); err != nil {
		s.t.Fatal(err)
	}
}

// TestBrokenPatches: a patch that breaks containers stops the roll, also when the driver is killed between the restart and the look at it. No
// canary that failed lets others follow. After the cure, resume finishes without restarting anybody twice.
func TestBrokenPatches(t *testing.T) {
	seeds := 120
	if testing.Short() {
		seeds = 30
	}
	halts := 0
	for seed := range seeds {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSchedule(t, uint64(seed)+2e6, dir)
			broken := fmt.Sprint("web", s.random(len(s.containers)))
			all := s.random(2) == 0
			s.broken[2] = func(n string) bool { return all || n == broken }
			s.policy.OnFailure, s.policy.MaxFailures = profiles.Halt, 1
			s.patch()
			s.target = s.generation
			r := s.untilHalted(seed)
			halts++
			s.checkHalted(seed, r)
			for _, c := range s.containers { // the cure
				c.failed = nil
			}
			s.broken = nil
			for r.State != roll.Finished {
				if err := ignoreNone(roll.Open(dir).WithWrite(unsynced).Resume()); err != nil {
					t.Fatal(err)
				}
				r = s.finish(false)
			}
			s.verify(seed)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if halts < seeds/2 {
		t.Errorf("%d of %d were halted", halts, seeds)
	}
}

func (s *schedule) untilHalted(seed int) roll.Roll {
	for try := range 100 {
		effects := s.random(30)
		if try > 30 {
			effects = -1
		}
		r, err := s.drive(s.dir, effects, nil)
		switch {
		case errors.Is(err, roll.ErrHalted):
			return r
		case errors.Is(err, errKilled):
		default:
			s.t.Fatalf("seed %d: the roll of a broken patch ends: %s, %v", seed, r.State, err)
		}
	}
	s.t.Fatalf("seed %d: no end", seed)
	return roll.Roll{}
}

// checkHalted: those restarted are the canaries, as long as one of them is broken, or else no more than were restarted side by side with the
// first that failed.
func (s *schedule) checkHalted(seed int, r roll.Roll) {
	canaries, failed := 0, 0
	for _, m := range r.Members {
		if m.Canary {
			canaries++
		}
	}
	for _, m := range r.Members {
		if m.State == roll.Failed {
			failed++
			if m.Canary && len(s.stops) > canaries {
				s.t.Errorf("seed %d: %v were restarted, and the canary %s failed", seed, s.stops, m.Name)
			}
		}
	}
	if batch := s.policy.Batch.Of(len(r.Members)); failed == 0 || failed > batch {
		s.t.Errorf("seed %d: %d failed, in batches of %d", seed, failed, batch)
	}
}
