//go:build go1.25

package roll_test

import (
	"context"
	"os"
	"slices"
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

// stopper stops a container by hand while it is looked into after its restart.
type stopper struct {
	actor
	s    *schedule
	stop context.CancelFunc
	seen int
}

func (a *stopper) Health(ctx context.Context, name string, probe []string, timeout time.Duration) (roll.Health, error) {
	if name == "web1" && slices.Contains(a.s.stops, name) {
		a.s.hand(name, func(c *container) { c.running, c.byHand = false, true })
		if a.seen++; a.seen == 10 {
			a.stop()
		}
	}
	return a.actor.Health(ctx, name, probe, timeout)
}

// One that is stopped while it is checked is not looked into for ever: nobody asks again before having looked.
func TestStoppedWhileChecked(t *testing.T) {
	inBubble(t, func(t *testing.T, s *schedule, store roll.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		a := &stopper{actor: actor{s.fleet}, s: s, stop: cancel}
		r, err := roll.RunPolling(ctx, store, a, roll.Wall{}, roll.Caller{}, time.Minute)
		if m, _ := r.Find("web1"); err != nil || r.State != roll.Finished || m.State != roll.Skipped || a.seen > 2 {
			t.Errorf("%s, %v: looked into %d times; %s: %s", r.State, err, a.seen, m.State, m.Reason)
		}
	})
}
