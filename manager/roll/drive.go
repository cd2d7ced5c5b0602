package roll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

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
	looked  time.Time // when the world was looked at
	kept    time.Time // when the roll was stored
	blocked time.Time // since when nobody may be restarted
}

// result is what a call of the actor led to: events in their order, or nothing if it was interrupted.
type result struct {
	name   string
	events []Event
}

// drive goes on until the roll is over or halted.
func (d *driver) drive(ctx context.Context) error {
	err := d.loop(ctx)
	for len(d.busy) > 0 {
		err = errors.Join(err, d.receive(<-d.results))
	}
	return errors.Join(err, d.keep())
}

// loop looks at the world, does all that may be done in it, and waits, until the roll is over or halted.
func (d *driver) loop(ctx context.Context) error {
	for over := false; !over; {
		w, err := d.look(ctx)
		if err == nil {
			over, err = d.act(ctx, w)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look sees all that a decision rests on.
func (d *driver) look(ctx context.Context) (World, error) {
	marks, err := d.store.Marks(d.roll.ID)
	if err != nil {
		return World{}, err
	}
	w, err := d.actor.Look(ctx)
	d.looked = d.clock.Now()
	if ctx.Err() != nil {
		return World{}, context.Cause(ctx)
	}
	if err != nil {
		return World{}, fmt.Errorf("look at the containers: %w", err)
	}
	if marks.Resume && d.roll.State == Running { // carried out already
		if err := d.store.remove(resumeFile); err != nil {
			return World{}, err
		}
	}
	w.Marks, w.Busy = marks, d.busy
	return w, nil
}

// act does what may be done in a world, and goes on in the same one while calls return: for lookAge, and longer while there is only to wait, or to
// look into a container. To look at a whole fleet after each call would cost more than the restarts. It returns when the world has to be looked
// at again, or with over when there is nothing left to do.
func (d *driver) act(ctx context.Context, w World) (over bool, err error) {
	for heard := false; ; {
		steps := Next(d.roll, w, d.clock.Now())
		if len(steps) == 0 {
			return true, d.leave(w.Marks)
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		old, last := d.clock.Now().Sub(d.looked) > lookAge, steps[len(steps)-1]
		if old && slices.ContainsFunc(steps, Step.acts) || heard && last.Blocked { // who has just arrived is still down in this world
			return false, nil
		}
		acted, err := d.carryOut(ctx, steps)
		switch {
		case err != nil:
			return false, err
		case !acted:
			heard, err = d.wait(ctx, last, w.Marks)
			if err != nil || !heard {
				return false, err
			}
		case slices.ContainsFunc(steps, Step.remarks):
			return false, nil
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

// carryOut does what the steps say, and says whether there was anything but waiting. Before a restart is begun all that has happened is stored;
// what was only seen is stored with it, or when the driver waits: who goes on after a crash sees it again.
func (d *driver) carryOut(ctx context.Context, steps []Step) (acted bool, err error) {
	var calls []func() []Event
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
	if slices.ContainsFunc(steps, Step.acts) {
		if err := d.keep(); err != nil {
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

// keep stores what is not stored yet.
func (d *driver) keep() error {
	if len(d.untold) == 0 {
		return nil
	}
	return d.save()
}

func (d *driver) save() error {
	if err := d.store.Save(d.roll); err != nil {
		return err
	}
	d.kept = d.clock.Now()
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
