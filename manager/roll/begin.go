package roll

import (
	"slices"
	"time"

	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// measure finds the members whose health before the restart is not known. Nobody is restarted before it is known of all: what the first
// restart breaks elsewhere must not be taken for the usual.
func (d *decision) measure() []Step {
	var steps []Step
	for _, m := range d.r.Members {
		if m.State == Pending && m.Before == nil && !d.w.Busy[m.Name] {
			steps = append(steps, Step{Do: DoMeasure, Name: m.Name})
		}
	}
	return steps
}

func (d *decision) measuring() bool {
	return slices.ContainsFunc(d.r.Members, func(m Member) bool { return m.State == Pending && m.Before == nil })
}

// canaries decides who they are, or that they have shown enough. It returns false when it is for begin to go on.
func (d *decision) canaries() (Step, bool) {
	if d.r.Proven {
		return Step{}, false
	}
	shown := false
	for _, m := range d.r.Members {
		switch {
		case !m.Canary || m.State == Skipped || m.State == Held:
		case m.State == Done:
			shown = true
		default:
			return Step{}, false
		}
	}
	ready := d.pending(func(m Member) bool { return m.Before.Ready })
	if shown || d.r.Policy.Canary == profiles.CanaryNone || len(ready) == 0 { // who was sick before proves nothing
		return Step{Do: DoPass}, true
	}
	if names := d.meant(ready); len(names) > 0 {
		return Step{Do: DoElect, Names: names}, true
	}
	amount := profiles.Amount(d.r.Policy.Canary)
	if _, err := profiles.ParseAmount(d.r.Policy.Canary); err != nil {
		amount = "1" // the target means nobody who could show anything
	}
	var names []string
	for _, m := range ready {
		if len(names) < amount.Of(d.r.Count(Pending)) && d.free(m) && !d.follows(m) {
			names = append(names, m.Name)
		}
	}
	return Step{Do: DoElect, Names: names}, len(names) > 0
}

func (d *decision) pending(also func(Member) bool) []Member {
	var list []Member
	for _, m := range d.r.Members {
		if m.State == Pending && also(m) {
			list = append(list, m)
		}
	}
	return list
}

// meant returns those whom the policy's target means, with the pending members before them, which are canaries with them.
func (d *decision) meant(ready []Member) []string {
	if _, err := profiles.ParseAmount(d.r.Policy.Canary); err == nil {
		return nil
	}
	target, err := name.ParseTarget(d.r.Policy.Canary)
	if err != nil {
		return nil
	}
	var names []string
	seen := map[string]bool{}
	var add func(m Member)
	add = func(m Member) {
		if seen[m.Name] || m.State != Pending {
			return
		}
		seen[m.Name] = true
		d.order.before(m.Planned, func(n string) bool { add(d.r.Members[d.at[n]]); return true })
		names = append(names, m.Name)
	}
	for _, m := range ready {
		if target.Match(name.Subject{Name: m.Name, Profile: m.Profile, Tags: m.Tags}) {
			add(m)
		}
	}
	return names
}

// begin finds the members whose restart may be begun.
func (d *decision) begin() []Step {
	if d.w.Changing != "" { // for how long is nobody's to limit
		d.waitFor(d.now.Add(lookAgain), "packages are being changed: "+d.w.Changing)
		return nil
	}
	all := newShares(d.r, d.w)
	slots := d.r.Policy.Batch.Of(fleetOf(d.r))
	for _, m := range d.r.Members {
		if m.underWay() {
			slots--
		}
	}
	var steps []Step
	for _, m := range d.pending(func(m Member) bool { return d.r.Proven || m.Canary }) {
		if d.w.Busy[m.Name] || !d.free(m) || d.follows(m) {
			continue
		}
		if slots <= 0 {
			d.waitFor(time.Time{}, "the batch is full")
			break
		}
		if why := all.take(m, d.w, d.r.Policy); why != "" {
			d.block(why)
			continue
		}
		slots--
		steps = append(steps, Step{Do: DoRestart, Name: m.Name, Sight: d.w.Sights[m.Name]})
	}
	return steps
}

// free says whether the time allows a member's restart, and notes when it will if not.
func (d *decision) free(m Member) bool {
	if d.now.Before(m.NotBefore) {
		d.waitFor(m.NotBefore, m.Name+": "+m.Reason)
		return false
	}
	if cool := d.w.Sights[m.Name].Started.Add(time.Duration(m.Patch.Cooldown)); d.now.Before(cool) && m.Patch.Cooldown > 0 {
		d.waitFor(cool, m.Name+" was started a short time ago")
		return false
	}
	windows, err := profiles.ParseWindows(m.Patch.Window)
	if err != nil { // Check has read them
		return false
	}
	open, until := windows.At(d.now)
	if !open {
		d.waitFor(until, "the window of "+m.Name)
	}
	return open
}

// follows says whether a member that is restarted before m has not been yet.
func (d *decision) follows(m Member) bool {
	waits := false
	d.order.before(m.Planned, func(n string) bool {
		before := d.r.Members[d.at[n]]
		waits = before.State == Pending || before.underWay()
		return !waits
	})
	if waits {
		d.waitFor(time.Time{}, m.Name+" is restarted after others")
	}
	return waits
}
