//go:build go1.25

package roll_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// inBubble runs a test with a patched fleet of five, a policy of one after the other without canaries, and time that does not pass by itself.
func inBubble(t *testing.T, test func(t *testing.T, s *schedule, store roll.Store)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &schedule{fleet: newFleet(rand.New(rand.NewPCG(1, 1)), "web1", "web2", "web3", "web4", "web5"), t: t, dir: dir}
		s.policy = profiles.DefaultPolicy()
		s.policy.Canary, s.policy.Batch, s.policy.MaxUnavailable = profiles.CanaryNone, "1", "1"
		s.patch()
		test(t, s, roll.Open(dir).WithWrite(unsynced))
	})
}

// when calls do once, when n containers have been stopped by the driver.
func (s *schedule) when(n int, do func()) {
	s.stopped = func(string, *container) {
		if len(s.stops) == n {
			go do() // the caller has the fleet's lock
		}
	}
}

// good runs do in a test that cannot go on without it.
func good(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestRunTells(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		var kinds []string
		r, err := s.drive(s.dir, -1, func(r roll.Roll, e roll.Event) {
			kinds = append(kinds, string(e.Kind)+" "+e.Name)
			if stored, err := store.Load(r.ID); err != nil || stored.State != r.State {
				t.Errorf("%s is told before it is stored: %v", e.Kind, err)
			}
		})
		if err != nil || r.State != roll.Finished || !slices.Equal(s.stops, []string{"web1", "web2", "web3", "web4", "web5"}) {
			t.Errorf("%s, %v, stopped %v", r.State, err, s.stops)
		}
		tale := strings.Join(kinds, ",")
		middle := "passed ,began web1,restarted web1,checked web1,began web2,"
		if !strings.HasPrefix(tale, "measured") || !strings.Contains(tale, middle) || !strings.HasSuffix(tale, "ended ") {
			t.Error(tale)
		}
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.ID != "" {
			t.Errorf("nothing to do: %s %v", r.ID, err)
		}
	})
}

func TestTwoDrivers(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		var second error
		s.when(2, func() {
			_, second = roll.RunPolling(context.Background(), roll.Open(s.dir).WithWrite(unsynced), actor{s.fleet}, roll.Wall{}, roll.Caller{}, time.Minute)
		})
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished {
			t.Errorf("the first: %s, %v", r.State, err)
		}
		synctest.Wait() // for the one who wrote second
		if !errors.Is(second, roll.ErrBusy) || len(s.stops) != 5 {
			t.Errorf("the second: %v; stopped %v", second, s.stops)
		}
	})
}

func TestPause(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		s.when(2, func() {
			good(t, store.Pause())
			time.Sleep(24 * time.Hour)
			s.mu.Lock()
			if len(s.stops) != 2 || slices.ContainsFunc(s.stops, func(n string) bool { return !s.containers[n].running }) {
				t.Errorf("while it was paused, %v were stopped", s.stops)
			}
			s.mu.Unlock()
			good(t, store.Resume())
		})
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("%s, %v; stopped %v", r.State, err, s.stops)
		}
	})
}

func TestAbort(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		s.when(2, func() { good(t, errors.Join(store.Submit(s.plan(s.policy, nil)), store.Abort())) })
		r, err := s.drive(s.dir, -1, nil)
		if err != nil || r.State != roll.Aborted || r.Count(roll.Done) != 2 || r.Count(roll.Skipped) != 3 || len(s.stops) != 2 {
			t.Errorf("%s, %v: %+v", r.State, err, r.Members)
		}
		for n, c := range s.containers {
			if !c.running {
				t.Errorf("%s is down", n)
			}
		}
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.ID != "" {
			t.Errorf("it goes on: %s %s, %v", r.ID, r.State, err)
		}
		good(t, store.Submit(s.plan(s.policy, nil)))
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("the next one is %s, %v; stopped %v", r.State, err, s.stops)
		}
	})
}

// An abort carries out what it says also where nobody drives: what is down is started.
func TestAbortAfterKill(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		s.when(1, func() { s.mu.Lock(); s.left = 0; s.mu.Unlock() })
		if _, err := s.drive(s.dir, -1, nil); !errors.Is(err, errKilled) || s.containers["web1"].running {
			t.Fatalf("the driver was not killed in the middle: %v", err)
		}
		good(t, store.Abort())
		r, err := s.drive(s.dir, -1, nil)
		if m, _ := r.Find("web1"); err != nil || r.State != roll.Aborted || !s.containers["web1"].running || m.State != roll.Done || len(s.stops) != 1 {
			t.Errorf("%s, %v, %+v", r.State, err, m)
		}
	})
}

// A patch during the roll: who is being restarted is finished, and everybody is on the newest in the end. Those restarted onto it already are
// not again.
func TestNewPlan(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		s.when(2, func() { s.patch() })
		r, err := s.drive(s.dir, -1, nil)
		if err != nil || r.State != roll.Finished || r.Generation != 3 {
			t.Errorf("%s, %v, generation %d", r.State, err, r.Generation)
		}
		if want := []string{"web1", "web2", "web1", "web3", "web4", "web5"}; !slices.Equal(s.stops, want) {
			t.Errorf("stopped %v, want %v", s.stops, want)
		}
		if list, err := roll.Open(s.dir).List(); err != nil || len(list) != 1 {
			t.Errorf("%d rolls, %v", len(list), err)
		}
	})
}

func TestHold(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		good(t, errors.Join(store.Hold("web2", time.Now().Add(time.Hour)), store.Hold("web4", time.Time{})))
		s.when(3, func() { good(t, store.Unhold("web4")) })
		r, err := s.drive(s.dir, -1, nil)
		m, _ := r.Find("web2")
		if err != nil || r.State != roll.Finished || m.State != roll.Held || !strings.HasPrefix(m.Reason, "held until 2000-01-01T01:00") {
			t.Errorf("%s, %v: %+v", r.State, err, m)
		}
		if !slices.Equal(s.stops, []string{"web1", "web3", "web5", "web4"}) {
			t.Errorf("stopped %v", s.stops)
		}
		time.Sleep(time.Hour)
		good(t, store.Submit(s.plan(s.policy, nil)))
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || !slices.Contains(s.stops, "web2") {
			t.Errorf("later: %s, %v, stopped %v", r.State, err, s.stops)
		}
		if m, err := store.Marks(""); err != nil || len(m.Holds) != 0 {
			t.Errorf("holds that are over are left: %v, %v", m.Holds, err)
		}
	})
}

// A limit that lets nobody be restarted halts the roll after a while, with the reason; resume goes on.
func TestBlocked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		sick := s.containers["web5"] // has nothing to do with the patch
		sick.generation = s.generation
		good(t, store.Submit(s.plan(s.policy, nil)))
		s.when(2, func() { s.hand("web5", func(c *container) { c.ready = false }) })
		begun := time.Now()
		r, err := s.drive(s.dir, -1, nil)
		const why = "nobody may be restarted: max_unavailable is 1 (1), and down are web5"
		if !errors.Is(err, roll.ErrHalted) || len(s.stops) != 2 || r.Reason != why {
			t.Errorf("%s: %v", r.State, err)
		}
		if waited := time.Since(begun); waited > time.Hour {
			t.Errorf("it waited for %v", waited)
		}
		s.mu.Lock()
		sick.ready = true
		s.mu.Unlock()
		good(t, store.Resume())
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished {
			t.Errorf("resumed: %s, %v", r.State, err)
		}
	})
}

// On a full disk nothing is begun that could not be written down, and what was begun is finished.
func TestRunOnFullDisk(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		full := false
		write := func(path string, content []byte, mode os.FileMode) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if full {
				return unix.ENOSPC
			}
			return unsynced(path, content, mode)
		}
		s.stopped = func(string, *container) { full = len(s.stops) == 2 }
		_, err := roll.RunPolling(context.Background(), roll.Open(s.dir).WithWrite(write), actor{s.fleet}, roll.Wall{}, roll.Caller{}, time.Minute)
		if !errors.Is(err, unix.ENOSPC) || len(s.stops) != 2 || !s.containers["web2"].running {
			t.Errorf("%v; stopped %v", err, s.stops)
		}
		s.stopped = nil
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("with room again: %s, %v, stopped %v", r.State, err, s.stops)
		}
	})
}

// Interrupted by a signal, the driver waits for what it has begun.
func TestInterrupted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		ctx, cancel := context.WithCancel(context.Background())
		s.when(2, cancel)
		_, err := roll.RunPolling(ctx, roll.Open(s.dir).WithWrite(unsynced), actor{s.fleet}, roll.Wall{}, roll.Caller{}, time.Minute)
		if !errors.Is(err, context.Canceled) || len(s.stops) != 2 || !s.containers["web2"].running {
			t.Errorf("%v; stopped %v", err, s.stops)
		}
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("again: %s, %v, stopped %v", r.State, err, s.stops)
		}
	})
}

// Only so many rolls that have ended are kept, the newest.
func TestRetention(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		for i := range roll.Kept + 5 {
			r := aRoll(t, id(i), roll.Finished)
			r.ID = strings.Replace(r.ID, "2026", "1999", 1)
			good(t, store.Save(r))
		}
		garbage := s.dir + "/19990101T000000Z-000.json"
		good(t, os.WriteFile(garbage, []byte("{"), 0o600))
		r, err := s.drive(s.dir, -1, nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := store.List()
		if err != nil || len(list) != roll.Kept+1 || list[0].ID != r.ID || list[roll.Kept-1].ID != "19991120T120000Z-006" || list[roll.Kept].Err == nil {
			t.Errorf("%d rolls are kept, from %s to %s, %v", len(list), list[0].ID, list[len(list)-2].ID, err)
		}
	})
}
