//go:build go1.25

package roll_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
)

// While a roll waits for the window of one, a later patch of the others is not kept waiting with it: the driver leaves, and the next takes it in.
func TestLeavesWhileItWaits(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		plan := func() {
			good(t, store.Submit(s.plan(s.policy, func(p *roll.Planned) {
				if p.Name == "web1" {
					p.Patch.Window = []string{"20:00-21:00 UTC"}
				}
			})))
		}
		plan()
		wanted, down := false, 0
		caller := roll.Caller{Leave: func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, c := range s.containers {
				if !c.running || c.marked {
					down++
				}
			}
			return wanted
		}}
		s.when(4, func() { time.Sleep(time.Hour); s.mu.Lock(); wanted = true; s.mu.Unlock() })
		r, err := s.driveFor(s.dir, -1, caller)
		if !errors.Is(err, roll.ErrWaits) || !strings.HasSuffix(err.Error(), "the window of web1, until 2000-01-01T20:00:00Z") || r.State != roll.Running {
			t.Fatalf("%s, %v", r.State, err)
		}
		s.mu.Lock()
		s.generation, wanted = s.generation+1, false
		s.mu.Unlock()
		plan()
		if r, err = s.driveFor(s.dir, -1, caller); err != nil || r.State != roll.Finished || r.Generation != 3 {
			t.Errorf("%s, %v, generation %d", r.State, err, r.Generation)
		}
		if want := []string{"web2", "web3", "web4", "web5", "web2", "web3", "web4", "web5", "web1"}; !slices.Equal(s.stops, want) {
			t.Errorf("stopped %v, want %v", s.stops, want)
		}
		if down > 0 {
			t.Errorf("asked %d times whether to leave somebody who is down", down)
		}
	})
}

// While packages are changed, for however long, no restart is begun; then the roll goes on. Who is being restarted is finished.
func TestNobodyIsBegunDuringAChange(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		s.when(2, func() {
			s.mu.Lock()
			s.change(24 * time.Hour)
			s.mu.Unlock()
			time.Sleep(24*time.Hour - time.Second)
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.stops) != 2 || !s.containers["web2"].running || s.containers["web2"].marked {
				t.Errorf("during the change, stopped %v; web2 %+v", s.stops, s.containers["web2"])
			}
		})
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("%s, %v; stopped %v", r.State, err, s.stops)
		}
	})
}

// Somebody who works on a container for ever keeps no roll from its end.
func TestPostponedForGood(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		s.containers["web2"].locked = true
		begun := time.Now()
		r, err := s.drive(s.dir, -1, nil)
		m, _ := r.Find("web2")
		if err != nil || r.State != roll.Finished || m.State != roll.Skipped || !strings.HasSuffix(m.Reason, roll.ErrLater.Error()) {
			t.Errorf("%s, %v: %s, %s", r.State, err, m.State, m.Reason)
		}
		if took := time.Since(begun); took < 10*time.Minute || took > time.Hour || len(s.stops) != 4 {
			t.Errorf("after %v; stopped %v", took, s.stops)
		}
	})
}

// A plan that cannot be used is dropped and told of, and keeps no later one from being rolled.
func TestUnusablePlanIsDropped(t *testing.T) {
	for _, content := range []string{"{", `{"format":2}`, `{"generation":-1,"policy":{},"members":[]}`} {
		inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
			good(t, os.WriteFile(s.dir+"/taken.json", []byte(content), 0o600))
			var dropped []string
			r, err := s.drive(s.dir, -1, func(_ roll.Roll, e roll.Event) {
				if e.Kind == roll.Dropped {
					dropped = append(dropped, e.Reason)
				}
			})
			if err != nil || r.State != roll.Finished || len(s.stops) != 5 || len(dropped) != 1 || dropped[0] == "" {
				t.Errorf("%s: %s, %v, stopped %v, dropped %q", content, r.State, err, s.stops, dropped)
			}
		})
	}
}

// So it is while a roll is under way.
func TestUnusablePlanIsNotMerged(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, _ roll.Store) {
		s.when(2, func() { good(t, os.WriteFile(s.dir+"/plan.json", []byte("{"), 0o600)) })
		dropped := 0
		r, err := s.drive(s.dir, -1, func(_ roll.Roll, e roll.Event) {
			if e.Kind == roll.Dropped {
				dropped++
			}
		})
		if err != nil || r.State != roll.Finished || len(s.stops) != 5 || dropped != 1 {
			t.Errorf("%s, %v, stopped %v, dropped %d", r.State, err, s.stops, dropped)
		}
	})
}
