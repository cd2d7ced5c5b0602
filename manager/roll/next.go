package roll

import (
	"fmt"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

// Step is something that may be done now. What else than Do counts depends on it.
type Step struct {
	Do     Do
	Name   string
	State  Progress // of DoSettle
	End    State    // of DoEnd
	Sight  Sight    // of DoRestart and DoArrive
	Reason string
	Until  time.Time // of DoWait; zero: until something changes
	// Blocked says for DoWait that a limit does not let a member be restarted: look again soon.
	Blocked bool
	Names   []string // of DoElect
}

// acts says whether a step rests on how containers do just now. The others look into one, or wait.
func (s Step) acts() bool { return s.Do != DoMeasure && s.Do != DoCheck && s.Do != DoWait }

// remarks says whether marks mean something else after a step, so that they have to be looked at again.
func (s Step) remarks() bool { return s.Do == DoMerge || s.Do == DoResume || s.Do == DoHalt }

// Do is what a step is about.
type Do string

// The steps. Measure, Restart and Check are an Actor's; the others are only written down, but for Wait.
const (
	DoMeasure Do = "measure" // look at a member's health before its restart
	DoElect   Do = "elect"   // these members are the canaries
	DoPass    Do = "pass"    // the canaries have shown what they were to show
	DoRestart Do = "restart"
	DoArrive  Do = "arrive" // a restart that was begun has been done
	DoCheck   Do = "check"
	DoSettle  Do = "settle" // nothing is to be done about a member, or it is pending again
	DoMerge   Do = "merge"  // take in the plan that waits
	DoWait    Do = "wait"
	DoHalt    Do = "halt"
	DoResume  Do = "resume"
	DoEnd     Do = "end"
)

// decision is one look at everything.
type decision struct {
	r     Roll
	w     World
	now   time.Time
	order *order
	at    map[string]int // members by name
	soon  Step           // the wait that ends first
}

// Next says what may be done now: all of it side by side, in the order of the steps. It is empty when the roll is over, or halted with nothing
// asked of it. Steps that are only written down come alone, so that what is decided rests on them.
func Next(r Roll, w World, now time.Time) []Step {
	d := &decision{r: r, w: w, now: now, at: make(map[string]int, len(r.Members))}
	planned := make([]Planned, len(r.Members))
	for i, m := range r.Members {
		d.at[m.Name], planned[i] = i, m.Planned
	}
	d.order = newOrder(planned)
	idle := !d.anyUnderWay()
	switch {
	case r.State.Over():
		return nil
	case w.Marks.Plan && idle && !w.Marks.Abort:
		return []Step{{Do: DoMerge}}
	case r.State == Halted && w.Marks.Abort:
		return []Step{{Do: DoEnd, End: Aborted, Reason: "aborted; it was halted: " + r.Reason}}
	case r.State == Halted && w.Marks.Resume:
		return []Step{{Do: DoResume}}
	case r.State == Halted:
		return nil
	}
	if steps := d.settle(); len(steps) > 0 {
		return steps
	}
	steps := d.goOn()
	if len(steps) > 0 || !idle && d.closing() {
		return append(steps, d.wait())
	}
	return d.onward(idle)
}

// closing says whether no further restart is to be begun.
func (d *decision) closing() bool {
	return d.w.Marks.Abort || d.w.Marks.Plan || d.w.Marks.Paused || d.failure() != ""
}

// onward decides what is begun, when nothing has to be done about what was begun already.
func (d *decision) onward(idle bool) []Step {
	reason := d.failure()
	switch {
	case d.w.Marks.Abort:
		return []Step{{Do: DoEnd, End: Aborted, Reason: "aborted"}}
	case reason != "":
		return []Step{{Do: DoHalt, Reason: reason}}
	case d.r.Count(Pending) == 0 && idle && !d.anySoaking():
		return []Step{{Do: DoEnd, End: Finished}}
	case d.w.Marks.Paused:
		d.waitFor(time.Time{}, "paused")
		return []Step{d.wait()}
	}
	if steps := d.measure(); len(steps) > 0 {
		return steps
	}
	if d.measuring() {
		return []Step{d.wait()}
	}
	if step, ok := d.canaries(); ok {
		return []Step{step}
	}
	return append(d.begin(), d.wait())
}

// anyUnderWay says whether the driver works on a member, or one was left in the middle.
func (d *decision) anyUnderWay() bool {
	for _, m := range d.r.Members {
		if m.underWay() || d.w.Busy[m.Name] {
			return true
		}
	}
	return false
}

func (d *decision) anySoaking() bool {
	for _, m := range d.r.Members {
		if m.soaking() {
			return true
		}
	}
	return false
}

// failure says why no further restart may be begun, or "".
func (d *decision) failure() string {
	failed, first := 0, ""
	for _, m := range d.r.Members {
		if m.State != Failed {
			continue
		}
		if m.Canary {
			return "the canary " + m.Name + " failed: " + m.Reason
		}
		if failed++; first == "" {
			first = m.Name + " failed: " + m.Reason
		}
	}
	switch {
	case failed > 0 && d.r.Policy.OnFailure == profiles.Halt:
		return first
	case failed >= d.r.Policy.MaxFailures:
		return fmt.Sprintf("%d members failed, the first of them: %s", failed, first)
	}
	return ""
}

// settle finds the members about which nothing has to be done by us.
func (d *decision) settle() []Step {
	var steps []Step
	for _, m := range d.r.Members {
		if d.w.Busy[m.Name] {
			continue
		}
		s, exists := d.w.Sights[m.Name]
		resting := s.atRest()
		step := Step{Do: DoSettle, Name: m.Name, State: Skipped, Sight: s}
		switch {
		case m.settled() && m.State != Held:
			continue
		case !exists:
			step.Reason = "destroyed during the roll"
		case m.State == Pending || m.State == Held:
			if !d.settlePending(m, s, resting, &step) {
				continue
			}
		case m.State == Restarting && m.arrived(s, d.r.Generation):
			step = Step{Do: DoArrive, Name: m.Name, Sight: s}
		case m.State == Restarting && (s.Condition == Up || s.Condition == Sick && !s.Restarting):
			step.State = Pending // it was not touched: what may be begun now counts again
		case m.State == Restarting && resting:
			step.Reason = "stopped during the roll" + because(s.Reason)
		case m.State == Checking && resting:
			step.Reason = "stopped by hand after its restart" + because(s.Reason)
		default:
			continue
		}
		steps = append(steps, step)
	}
	return steps
}

// settlePending decides about a member that nothing has been done about yet, and says whether it did.
func (d *decision) settlePending(m Member, s Sight, resting bool, step *Step) bool {
	until, held := d.w.Marks.held(m.Name, d.now)
	switch {
	case resting:
		step.Reason = "stopped or frozen by hand; its next start mounts what is new then" + because(s.Reason)
	case s.Condition == Down && !s.Restarting:
		step.Reason = "it is down, and a roll starts nobody" + because(s.Reason)
	case m.arrived(s, d.r.Generation):
		step.State, step.Reason = Done, "restarted by somebody else"
	case d.w.Marks.Abort:
		step.Reason = "the roll was aborted"
	case held && m.State == Pending:
		step.State, step.Reason = Held, "held"
		if !until.IsZero() {
			step.Reason = "held until " + until.UTC().Format(time.RFC3339)
		}
	case !held && m.State == Held:
		step.State = Pending
	default:
		return false
	}
	return true
}

// goOn finds what has to be done about members that have been begun.
func (d *decision) goOn() []Step {
	var steps []Step
	for _, m := range d.r.Members {
		switch {
		case d.w.Busy[m.Name]:
		case m.State == Restarting && d.now.Before(m.NotBefore):
			d.waitFor(m.NotBefore, m.Name+": "+m.Reason)
		case m.State == Restarting:
			steps = append(steps, Step{Do: DoRestart, Name: m.Name, Sight: d.w.Sights[m.Name]})
		case m.State == Checking && m.Passed.IsZero():
			steps = append(steps, Step{Do: DoCheck, Name: m.Name})
		case m.soaking():
			until := m.Passed.Add(time.Duration(d.r.Policy.Soak))
			if d.w.Marks.Abort || !d.now.Before(until) {
				steps = append(steps, Step{Do: DoCheck, Name: m.Name})
				continue
			}
			d.waitFor(until, "watching the canary "+m.Name)
		}
	}
	return steps
}

// waitFor notes a reason to wait; the one that ends first counts, and those without an end last.
func (d *decision) waitFor(until time.Time, reason string) {
	first := d.soon.Do == "" || !until.IsZero() && (d.soon.Until.IsZero() || until.Before(d.soon.Until))
	if first {
		d.soon = Step{Do: DoWait, Until: until, Reason: reason, Blocked: d.soon.Blocked}
	}
}

// block notes that a limit is reached.
func (d *decision) block(reason string) {
	d.waitFor(time.Time{}, reason)
	d.soon.Blocked = true
}

func (d *decision) wait() Step {
	if d.soon.Do == "" {
		return Step{Do: DoWait, Reason: "for what is under way"}
	}
	return d.soon
}
