package roll

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sysctr/sysctr/manager/record"
)

const (
	pollMarks = 250 * time.Millisecond // how soon a mark is seen
	lookAgain = 5 * time.Second        // how soon a change in a container is seen that nobody tells of
	lookAge   = 100 * time.Millisecond // how old a look may be on which a restart rests; the actor looks at whom it restarts with its lock held
	tryAgain  = 5 * time.Second        // after ErrLater
	patience  = 10 * time.Minute       // with a limit that does not let anybody be restarted
	lookers   = 16                     // looks into containers side by side
)

// Caller is what whoever calls Run is told and asked. Its zero value wants neither.
type Caller struct {
	// Tell is called for every event when it has been stored.
	Tell func(Roll, Event)
	// Leave is asked again and again while the roll only waits, with nobody under way: true has Run return ErrWaits, and the next Run goes on.
	Leave func() bool
}

// Run carries out the roll that is under way, and every plan that waits. It returns the last roll: with nil when it has ended, or when there
// was nothing to do (then the roll has no id); with ErrHalted when a gate has stopped it; with ErrWaits when the caller wanted it back; with ErrBusy
// if another process is at it. When ctx ends it begins nothing more, waits until the actor's calls have returned, and returns the context's error; the
// next Run goes on.
func Run(ctx context.Context, s Store, a Actor, c Clock, caller Caller) (Roll, error) {
	return run(ctx, s, a, c, caller, pollMarks)
}

func run(ctx context.Context, s Store, a Actor, c Clock, caller Caller, poll time.Duration) (last Roll, err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return Roll{}, err
	}
	locks, err := record.OpenLocks(filepath.Join(s.dir, "lock"))
	if err != nil {
		return Roll{}, err
	}
	defer func() { err = errors.Join(err, locks.Close()) }()
	if err := locks.Try("roll", record.Verb); errors.Is(err, record.ErrBusy) {
		return Roll{}, ErrBusy
	} else if err != nil {
		return Roll{}, err
	}
	for {
		r, active, err := s.Active()
		if err == nil && !active {
			r, active, err = s.begin(c.Now(), caller)
		}
		if err != nil || !active {
			return last, err
		}
		d := &driver{
			store: s, actor: a, clock: c, caller: caller, poll: poll, roll: r,
			busy: map[string]bool{}, results: make(chan result), looking: make(chan struct{}, lookers), kept: c.Now(),
		}
		err = d.drive(ctx)
		last = d.roll
		if err != nil {
			return last, err
		}
		if last.State == Halted {
			return last, fmt.Errorf("%w: %s; cure it and say 'sysctr patch resume', or 'sysctr patch abort'", ErrHalted, last.Reason)
		}
	}
}

// begin makes a roll of the plan that waits, if there is one.
func (s Store) begin(now time.Time, caller Caller) (Roll, bool, error) {
	p, ok, err := s.usable(Roll{}, now, caller)
	if err != nil || !ok {
		return Roll{}, false, err
	}
	r, err := s.create(p, now)
	if err == nil {
		err = s.taken()
	}
	return r, err == nil, err
}

// usable is take that drops a plan that cannot be used, and tells of it: the next look at the containers makes another.
func (s Store) usable(r Roll, now time.Time, caller Caller) (Plan, bool, error) {
	for {
		p, ok, err := s.take()
		if !errors.Is(err, ErrDamaged) {
			return p, ok, err
		}
		if caller.Tell != nil {
			caller.Tell(r, Event{Kind: Dropped, At: now, Reason: text(err.Error())})
		}
		if err := s.taken(); err != nil {
			return Plan{}, false, err
		}
	}
}
