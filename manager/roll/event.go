package roll

import (
	"fmt"
	"slices"
	"time"
)

// Event is something that has happened. What else than At and Name counts depends on the kind.
type Event struct {
	Kind Kind
	At   time.Time
	Name string
	// Sight is what was seen of the container: before the restart for Began, after it for Restarted.
	Sight Sight
	// Health was found by Measured and Checked.
	Health Health
	// State and Reason: of a member for Settled, of the roll for Ended; Reason is what went wrong for Restarted and Halted.
	State  Progress
	End    State
	Reason string
	Until  time.Time // of Postponed
	Names  []string  // of Elected
}

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	Measured  Kind = "measured"  // a member's health before the restart is known
	Elected   Kind = "elected"   // these members are the canaries
	Began     Kind = "began"     // a restart is about to be done
	Postponed Kind = "postponed" // a restart could not be begun, and nothing was done
	Restarted Kind = "restarted" // a restart has ended, well or not
	Checked   Kind = "checked"   // a member's health after the restart is known
	Settled   Kind = "settled"   // nothing more is done about a member, or it is pending again
	Passed    Kind = "passed"    // the canaries have shown what they were to show
	WasHalted Kind = "halted"    // a gate stops the roll
	Resumed   Kind = "resumed"   // a halted roll goes on
	Ended     Kind = "ended"     // the roll is over
	Dropped   Kind = "dropped"   // a plan could not be used; told of, and no event of a roll
)

// Record returns the roll in which the event has happened. The error wraps ErrEvent if it cannot happen; the roll is unchanged then.
func (r Roll) Record(e Event) (Roll, error) {
	e.At, e.Reason = e.At.UTC(), text(e.Reason)
	next := r
	next.Members = slices.Clone(r.Members)
	ok := false
	switch e.Kind {
	case Elected, Passed, WasHalted, Resumed, Ended:
		ok = next.happen(e)
	default:
		if i := next.index(e.Name); i >= 0 {
			ok = next.Members[i].happen(e, r)
		}
	}
	if !ok {
		return r, fmt.Errorf("%w: %s %s", ErrEvent, e.Kind, e.Name)
	}
	return next, nil
}

func (r *Roll) happen(e Event) bool {
	switch {
	case e.Kind == Elected && r.State == Running:
		for i := range r.Members {
			r.Members[i].Canary = r.Members[i].Canary || slices.Contains(e.Names, r.Members[i].Name)
		}
	case e.Kind == Passed && r.State == Running:
		r.Proven = true
	case e.Kind == WasHalted && r.State == Running:
		r.State, r.Reason = Halted, e.Reason
	case e.Kind == Resumed && r.State == Halted:
		r.State, r.Reason = Running, ""
		for i := range r.Members {
			if m := &r.Members[i]; m.State == Failed { // whether it is to be restarted or only looked at again, its sight says
				m.State, m.Passed, m.Ended, m.Reason = Restarting, time.Time{}, time.Time{}, ""
			}
		}
	case e.Kind == Ended && !r.State.Over() && e.End.Over():
		r.State, r.Ended = e.End, e.At
		if e.End == Aborted {
			r.Reason = e.Reason
		}
	default:
		return false
	}
	return true
}

func (m *Member) happen(e Event, r Roll) bool {
	switch {
	case e.Kind == Measured && m.State == Pending:
		health := e.Health.clean()
		m.Before = &health
	case e.Kind == Began && (m.State == Pending || m.State == Restarting):
		m.State, m.Begun, m.NotBefore, m.Reason, m.Result = Restarting, e.At, time.Time{}, "", Result{}
		if e.Sight.Boot != "" { // else it is down by an earlier try, and that is what has to be known of it
			m.Boot = e.Sight.Boot
		}
	case e.Kind == Postponed && m.State == Restarting:
		m.postponed(e)
	case e.Kind == Restarted && m.State == Restarting:
		m.restarted(e, r.Generation)
	case e.Kind == Checked && m.State == Checking:
		m.checked(e, r.Policy.Soak > 0)
	case e.Kind == Settled && m.State != Done && m.State != Failed:
		m.State, m.Reason, m.Ended = e.State, e.Reason, e.At
		if e.State == Pending {
			m.Ended = time.Time{}
		}
	default:
		return false
	}
	return true
}

// postponed: one that could not be begun for too long is left to the next plan. One that is down by an earlier try has to be finished, whatever is
// asked meanwhile; that it cannot be is a failure.
func (m *Member) postponed(e Event) {
	if m.Postponed.IsZero() {
		m.Postponed = e.At
	}
	down, enough := e.Sight.Restarting, e.At.Sub(m.Postponed) >= patience
	m.NotBefore, m.Reason = e.Until.UTC(), e.Reason
	switch {
	case !enough && !down:
		m.State = Pending
	case enough:
		m.State, m.Ended, m.NotBefore, m.Postponed = Skipped, e.At, time.Time{}, time.Time{}
		m.Reason = text(fmt.Sprintf("it could not be begun for %v: %s", patience, e.Reason))
		if down {
			m.State, m.Reason = Failed, text(fmt.Sprintf("it is down and could not be started for %v: %s", patience, e.Reason))
		}
	}
}

// lives says whether a restart has led to another boot.
func (e Event) lives(m Member) bool { return e.Sight.Boot != "" && e.Sight.Boot != m.Boot }

// restarted: whatever a restart returned, a container that lives in another boot has been restarted, and its health is what counts.
func (m *Member) restarted(e Event, generation int) {
	m.Restarted, m.Postponed = e.At, time.Time{}
	if e.lives(*m) {
		m.State, m.Reason = Checking, e.Reason
		m.Result = Result{Boot: e.Sight.Boot, Generation: e.Sight.Generation}
		if m.Reason == "" && e.Sight.Generation < generation {
			m.Reason = "it started while packages were changed; the next plan looks at it again"
		}
		return
	}
	m.State, m.Ended, m.Reason = Failed, e.At, e.Reason
	switch {
	case e.Sight.Condition == Gone:
		m.State, m.Reason = Skipped, "destroyed during the roll"
	case e.Sight.atRest():
		m.State, m.Reason = Skipped, "stopped by hand during the roll"
	case m.Reason == "":
		m.Reason = "it was not restarted, and nobody said why"
	}
}

func (m *Member) checked(e Event, soak bool) {
	health := e.Health.clean()
	m.Result.Health = &health
	why := gate(m.Before, health)
	switch {
	case why != "":
		if m.Reason != "" {
			why = text(why + ": " + m.Reason)
		}
		m.State, m.Reason, m.Ended = Failed, why, e.At
	case m.Canary && soak && m.Passed.IsZero():
		m.Passed = e.At
	default:
		m.State, m.Ended = Done, e.At
	}
}
