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
			busy: map[string]bool{}, results: make(chan result), looking: make(chan struct{}, lookers),
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

// driver drives one roll.
type driver struct {
	store  Store
	actor  Actor
	clock  Clock
	caller Caller
	poll   time.Duration

	roll    Roll
	untold  []Event         // since the roll was stored
	busy    map[string]bool // members that a call of the actor is under way for
	results chan result
	looking chan struct{}
	blocked time.Time // since when nobody may be restarted
}

// result is what a call of the actor led to: an event, or nothing if it was interrupted.
type result struct {
	name  string
	event *Event
}

// drive goes on until the roll is over or halted.
func (d *driver) drive(ctx context.Context) error {
	err := d.loop(ctx)
	for len(d.busy) > 0 {
		err = errors.Join(err, d.receive(<-d.results))
	}
	if len(d.untold) > 0 {
		err = errors.Join(err, d.save())
	}
	return err
}

func (d *driver) loop(ctx context.Context) error {
	for {
		marks, err := d.store.Marks(d.roll.ID)
		if err != nil {
			return err
		}
		w, err := d.actor.Look(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("look at the containers: %w", err)
		}
		if marks.Resume && d.roll.State == Running { // carried out already
			if err := d.store.remove(resumeFile); err != nil {
				return err
			}
		}
		w.Marks, w.Busy = marks, d.busy
		steps := Next(d.roll, w, d.clock.Now())
		if len(steps) == 0 {
			return d.leave(marks)
		}
		acted, err := d.carryOut(ctx, steps)
		if err == nil && !acted {
			err = d.wait(ctx, steps[len(steps)-1], marks)
		}
		if err != nil {
			return err
		}
	}
}

// leave clears up behind a roll that is over.
func (d *driver) leave(marks Marks) error {
	if !d.roll.State.Over() {
		return nil
	}
	err := errors.Join(d.store.remove(resumeFile), d.store.remove(abortFile), d.store.prune())
	for member, until := range marks.Holds {
		if _, held := marks.held(member, d.clock.Now()); !held && !until.IsZero() {
			err = errors.Join(err, d.store.Unhold(member))
		}
	}
	return err
}

// carryOut does what the steps say, and says whether there was anything but waiting. What is begun is stored before.
func (d *driver) carryOut(ctx context.Context, steps []Step) (acted bool, err error) {
	var calls []func() *Event
	var names []string
	for _, step := range steps {
		if step.Do == DoWait {
			continue
		}
		acted = true
		if err := d.writeDown(step); err != nil {
			return acted, err
		}
		if call := d.call(ctx, step); call != nil {
			names, calls = append(names, step.Name), append(calls, call)
		}
	}
	if acted {
		d.blocked = time.Time{}
	}
	if len(d.untold) > 0 {
		if err := d.save(); err != nil {
			return acted, err
		}
	}
	for i, call := range calls {
		d.busy[names[i]] = true
		go func() { d.results <- result{names[i], call()} }()
	}
	return acted, nil
}

// writeDown records what a step says has happened, or is about to.
func (d *driver) writeDown(step Step) error {
	e := Event{
		At: d.clock.Now(), Name: step.Name, Sight: step.Sight, State: step.State, End: step.End, Reason: step.Reason, Names: step.Names,
	}
	switch step.Do {
	case DoMeasure, DoCheck, DoWait:
		return nil
	case DoMerge:
		return d.merge()
	case DoElect:
		e.Kind = Elected
	case DoPass:
		e.Kind = Passed
	case DoRestart:
		e.Kind = Began
	case DoArrive:
		e.Kind = Restarted
	case DoSettle:
		e.Kind = Settled
	case DoHalt:
		e.Kind = WasHalted
	case DoResume:
		e.Kind = Resumed
	case DoEnd:
		e.Kind = Ended
		if step.End == Aborted { // the plan that waits goes with it, and goes first: else it would begin a roll after a crash
			if err := errors.Join(d.store.taken(), d.store.remove(planFile)); err != nil {
				return err
			}
		}
	}
	return d.record(e)
}

func (d *driver) record(e Event) error {
	r, err := d.roll.Record(e)
	if err != nil {
		return err
	}
	d.roll, d.untold = r, append(d.untold, e)
	return nil
}

func (d *driver) save() error {
	if err := d.store.Save(d.roll); err != nil {
		return err
	}
	for _, e := range d.untold {
		if d.caller.Tell != nil {
			d.caller.Tell(d.roll, e)
		}
	}
	d.untold = nil
	return nil
}

// merge takes in the plan that waits. One that cannot be rolled was refused when it was submitted.
func (d *driver) merge() error {
	p, ok, err := d.store.usable(d.roll, d.clock.Now(), d.caller)
	if err != nil || !ok {
		return err
	}
	r, err := Merge(d.roll, p, d.clock.Now())
	if err != nil {
		return err
	}
	d.roll = r
	if err := d.save(); err != nil {
		return err
	}
	return d.store.taken()
}
