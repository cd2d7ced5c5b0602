package roll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// call returns the call of the actor that a step asks for, or nil. What it returns is empty if the context ended before it was done.
func (d *driver) call(ctx context.Context, step Step) func() []Event {
	m, _ := d.roll.Find(step.Name)
	generation := d.roll.Generation
	switch step.Do {
	case DoRestart:
		return func() []Event { return d.restart(ctx, m, step.Sight.Boot, generation) }
	case DoMeasure:
		return func() []Event { return d.health(ctx, m, Measured) }
	case DoCheck:
		return func() []Event { return d.health(ctx, m, Checked) }
	default:
		return nil
	}
}

// restart also looks whether the member is healthy afterwards, which is always what comes next. One that has not arrived at the generation has to be
// stored as restarted first: whoever goes on after a crash would not know it by its sight.
func (d *driver) restart(ctx context.Context, m Member, boot string, generation int) []Event {
	s, err := d.actor.Restart(ctx, m.Name, boot, m.Reasons)
	e := Event{Kind: Restarted, At: d.clock.Now(), Name: m.Name, Sight: s}
	switch {
	case errors.Is(err, ErrLater):
		e.Kind, e.Until, e.Reason = Postponed, e.At.Add(tryAgain), err.Error()
		return []Event{e}
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		e.Reason = err.Error()
	}
	if !e.lives(m) || s.Generation < generation {
		return []Event{e}
	}
	return append([]Event{e}, d.health(ctx, m, Checked)...)
}

// health looks into a container. That of one that was stopped or destroyed meanwhile does not count against anybody.
func (d *driver) health(ctx context.Context, m Member, kind Kind) []Event {
	select {
	case d.looking <- struct{}{}:
		defer func() { <-d.looking }()
	case <-ctx.Done():
		return nil
	}
	h, err := d.actor.Health(ctx, m.Name, m.Patch.Probe, time.Duration(m.Patch.ProbeTimeout))
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		h = Health{Probe: "it cannot be looked into: " + err.Error()}
	}
	e := []Event{{Kind: kind, At: d.clock.Now(), Name: m.Name, Health: h}}
	if kind == Measured || gate(m.Before, h.clean()) == "" {
		return e
	}
	w, err := d.actor.Look(ctx)
	if s := w.Sights[m.Name]; err == nil && (s.Condition == Gone || s.atRest()) {
		return nil // Next sees it too, and settles it
	}
	return e
}

// receive takes in what a call led to.
func (d *driver) receive(r result) error {
	delete(d.busy, r.name)
	for _, e := range r.events {
		if err := d.record(e); err != nil {
			return err
		}
	}
	if len(r.events) == 1 && r.events[0].Kind == Restarted { // not checked in the same call, see restart
		return d.keep()
	}
	return nil
}

// wait waits until calls have returned, marks have changed, or it is time to look again. It reports whether all that has come is what calls tell:
// where one tells nothing, something has happened to its container.
func (d *driver) wait(ctx context.Context, step Step, marks Marks) (told bool, err error) {
	now := d.clock.Now()
	if d.tired(step, marks, now) {
		return false, errors.Join(d.record(Event{Kind: WasHalted, At: now, Reason: "nobody may be restarted: " + step.Reason}), d.keep())
	}
	until := now.Add(lookAgain)
	if !step.Until.IsZero() && len(d.busy) == 0 && (!step.Blocked || step.Until.Before(until)) {
		until = step.Until
	}
	for {
		select {
		case r := <-d.results:
			told, err := d.receiveAll(r)
			if err == nil && d.clock.Now().Sub(d.kept) >= d.poll {
				err = d.keep()
			}
			if err != nil {
				return false, err
			}
			again, err := d.store.Marks(d.roll.ID)
			return told && err == nil && again.equal(marks), nil // the next look tells of an error
		case <-d.clock.After(max(time.Millisecond, min(d.poll, until.Sub(d.clock.Now())))):
			if err := d.keep(); err != nil {
				return false, err
			}
			again, err := d.store.Marks(d.roll.ID)
			if err == nil && d.wanted() {
				return false, fmt.Errorf("%w: %s", ErrWaits, step.why())
			}
			if err != nil || !again.equal(marks) || !d.clock.Now().Before(until) {
				return false, err
			}
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// tired says whether nobody could be restarted for too long.
func (d *driver) tired(step Step, marks Marks, now time.Time) bool {
	if !step.Until.IsZero() {
		if !step.Blocked {
			d.blocked = time.Time{}
		}
		return false
	}
	if len(d.busy) > 0 || marks.Paused {
		return false
	}
	if d.blocked.IsZero() {
		d.blocked = now
	}
	return now.Sub(d.blocked) >= patience
}

// wanted says whether the caller wants Run to return, and may have it: nobody is down by our doing.
func (d *driver) wanted() bool {
	return d.caller.Leave != nil && len(d.busy) == 0 && !slices.ContainsFunc(d.roll.Members, Member.underWay) && d.caller.Leave()
}

// why is what a step waits for, and until when.
func (s Step) why() string {
	if s.Until.IsZero() {
		return s.Reason
	}
	return s.Reason + ", until " + s.Until.UTC().Format(time.RFC3339)
}

// receiveAll takes in a result, with all that have come besides, and reports whether each has told something. They are stored later, see carryOut.
func (d *driver) receiveAll(r result) (told bool, err error) {
	for told = true; ; {
		told = told && len(r.events) > 0
		if err := d.receive(r); err != nil {
			return false, err
		}
		select {
		case r = <-d.results:
		default:
			return told, nil
		}
	}
}
