//go:build go1.25

package roll_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
)

// looker counts the looks at the whole fleet.
type looker struct {
	actor
	looks int
}

func (l *looker) Look(ctx context.Context) (roll.World, error) {
	l.looks++ // by the driver only, in one goroutine
	return l.actor.Look(ctx)
}

// A look at the fleet, and to store the roll, cost as much as a restart where the fleet is large: there is one of each before a restart, and none
// because something is known of one member that was not.
func TestRunLooksSeldom(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		s.latency = time.Second // in five seconds without news it looks by itself
		l, writes := &looker{actor: actor{s.fleet}}, 0
		store = store.WithWrite(func(path string, content []byte, mode os.FileMode) error {
			writes++
			return unsynced(path, content, mode)
		})
		r, err := roll.RunPolling(t.Context(), store, l, roll.Wall{}, roll.Caller{}, time.Minute)
		if err != nil || r.State != roll.Finished || l.looks != len(s.stops)+2 || writes != len(s.stops)+3 { // begun, proven, ended
			t.Errorf("%s, %v: %d looks and %d writes for %d restarts", r.State, err, l.looks, writes, len(s.stops))
		}
	})
}

// watcher is an actor that has something happen when it looks into a container that has been restarted.
type watcher struct {
	actor
	restarted func(name string)
}

func (a *watcher) Health(ctx context.Context, name string, probe []string, timeout time.Duration) (roll.Health, error) {
	a.mu.Lock()
	after := slices.Contains(a.stops, name)
	a.mu.Unlock()
	if after {
		a.restarted(name)
	}
	return a.actor.Health(ctx, name, probe, timeout)
}

// One that is stopped while it is checked is not looked into for ever: nobody asks again before having looked.
func TestStoppedWhileChecked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := 0
		a := &watcher{actor: actor{s.fleet}, restarted: func(name string) {
			if name != "web1" {
				return
			}
			s.hand(name, func(c *container) { c.running, c.byHand = false, true })
			if seen++; seen == 10 {
				cancel()
			}
		}}
		r, err := roll.RunPolling(ctx, store, a, roll.Wall{}, roll.Caller{}, time.Minute)
		if m, _ := r.Find("web1"); err != nil || r.State != roll.Finished || m.State != roll.Skipped || seen > 2 {
			t.Errorf("%s, %v: looked into %d times; %s: %s", r.State, err, seen, m.State, m.Reason)
		}
	})
}

// What happens while the roll is stored, which may take long on a busy disk, is known before the next restart.
func TestSlowDisk(t *testing.T) {
	for summary, happens := range map[string]func(s *schedule, store roll.Store, cancel func()) error{
		"paused":      func(_ *schedule, store roll.Store, _ func()) error { return store.Pause() },
		"interrupted": func(_ *schedule, _ roll.Store, cancel func()) error { cancel(); return nil },
		"one is down": func(s *schedule, _ roll.Store, _ func()) error {
			s.hand("web5", func(c *container) { c.running, c.crashed = false, true })
			return nil
		},
	} {
		t.Run(summary, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
				s.policy.Canary = "1"
				good(t, store.Submit(s.plan(s.policy, nil)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				happened := false
				slow := store.WithWrite(func(path string, content []byte, mode os.FileMode) error {
					if err := unsynced(path, content, mode); err != nil || happened || !strings.Contains(string(content), `"canary":true`) {
						return err
					}
					happened = true
					time.Sleep(5 * time.Second)
					return happens(s, store, cancel)
				})
				r, _ := roll.RunPolling(ctx, slow, actor{s.fleet}, roll.Wall{}, roll.Caller{}, time.Minute)
				if !happened || len(s.stops) > 0 || slices.ContainsFunc(r.Members, func(m roll.Member) bool { return m.State == roll.Restarting }) {
					t.Errorf("it was stored: %v; stopped %v", happened, s.stops)
				}
			})
		})
	}
}

// A member that was not ready counts as down in the world in which its restart was begun, and not for longer than until it has ended.
func TestLimitOfThePast(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		s.latency = 100 * time.Millisecond
		s.hand("web1", func(c *container) { c.ready = false })
		good(t, store.Submit(s.plan(s.policy, nil)))
		begun := time.Now()
		r, err := roll.RunPolling(t.Context(), store, actor{s.fleet}, roll.Wall{}, roll.Caller{}, time.Minute)
		if took := time.Since(begun); err != nil || r.State != roll.Finished || len(s.stops) != 4 || took > 4*time.Second {
			t.Errorf("%s, %v: stopped %v in %v", r.State, err, s.stops, took)
		}
	})
}

// One that was restarted over half a change is not restarted again because the driver was killed while it was checked.
func TestKilledWhileChecked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.stopped = func(string, *container) { s.generation = 1 } // as whoever starts sees it; the caller has the fleet's lock
		a := &watcher{actor: actor{s.fleet}, restarted: func(string) {
			s.mu.Lock()
			s.killed = true
			s.mu.Unlock()
			cancel()
		}}
		s.kill = cancel
		_, err := roll.RunPolling(ctx, store.WithWrite(s.writer()), a, roll.Wall{}, roll.Caller{}, time.Minute)
		if err == nil || !slices.Equal(s.stops, []string{"web1"}) {
			t.Fatalf("%v; stopped %v", err, s.stops)
		}
		if r, err := s.drive(s.dir, -1, nil); err != nil || r.State != roll.Finished || len(s.stops) != 5 {
			t.Errorf("%s, %v; stopped %v", r.State, err, s.stops)
		}
	})
}
