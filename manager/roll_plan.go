package manager

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// RollOptions say what is asked of a roll beyond the policy.
type RollOptions struct {
	Manual bool            // a human asks
	Force  bool            // also what must wait, and what its profile leaves out
	All    bool            // also what needs no restart
	Only   map[string]bool // who is asked for; nil: all
}

// RollPlan makes a roll's plan of verdicts on every container of the world. behind is when the generation after a given one was first seen: an
// unaffected container, and one that cannot be looked at, may keep an older mount for max_lag from then on. It is pure.
func RollPlan(w World, look Inspection, behind map[int]time.Time, policy profiles.Policy, o RollOptions, now time.Time) roll.Plan {
	p := roll.Plan{Generation: look.Newest, Manual: o.Manual, Force: o.Force, Policy: policy}
	for _, c := range look.Packages {
		p.Packages = append(p.Packages, roll.Change{Package: c.Name, Arch: c.Arch, Old: c.Old, New: c.New})
	}
	judged := make(map[string]Judged, len(look.Containers))
	for _, j := range look.Containers {
		judged[j.Name] = j
	}
	for _, c := range w.Containers {
		if c.Err != nil {
			continue // a roll can do nothing about it
		}
		s, j := sightOf(c), judged[c.Name]
		m := roll.Planned{
			Name: c.Name, Profile: c.Record.Spec.Profile, Tags: c.Record.Spec.Tags, Priority: c.Record.Spec.Priority, Patch: policy.For(c.Record.Spec.Patch),
			Resting: s.Condition == roll.Resting, Boot: s.Boot,
		}
		since := behind[j.Generation]
		if j.Generation == 0 { // what it mounted is not known: no later than it was started
			since = s.Started
		}
		late := !since.IsZero() && now.Sub(since) > time.Duration(m.Patch.MaxLag) && j.Generation < look.Newest
		m.Action, m.Reasons, m.Leave = rollAction(j, m.Patch, late)
		if why := everybody(j, m.Patch, o); m.Action == roll.None && s.Boot != "" && why != "" {
			m.Action, m.Reasons = roll.Restart, []string{why}
		}
		if o.All {
			m.Leave = ""
		}
		if o.Only != nil && !o.Only[c.Name] {
			m.Leave = roll.NotAsked
		}
		p.Members = append(p.Members, m)
	}
	return p
}

// mostReasons is how many reasons a roll keeps of a member.
const mostReasons = 20

// rollAction is what a verdict asks for, by what a profile says of packages; late says that the mount is older for longer than it may be.
func rollAction(j Judged, p profiles.Patch, late bool) (action roll.Action, reasons []string, leave string) {
	for i, r := range j.Reasons {
		if i == mostReasons {
			reasons = append(reasons, fmt.Sprintf("and %d more", len(j.Reasons)-i))
			break
		}
		reasons = append(reasons, r.String())
	}
	if late && (j.Verdict == patch.Unaffected || j.Verdict == patch.Unknown && j.Action == patch.Wait) {
		return roll.Restart, append([]string{fmt.Sprintf("its mount has been older than the host for more than %s", p.MaxLag)}, reasons...), ""
	}
	action = map[patch.Action]roll.Action{patch.Restart: roll.Restart, patch.Heal: roll.Heal, patch.Wait: roll.Wait}[j.Action]
	switch mildest := reaction(j.Reasons, p.Packages); {
	case action == "":
		action = roll.None
	case action == roll.Restart && mildest == profiles.ReactIgnore:
		leave = "patch.packages ignores all that it has of before"
	case action == roll.Restart && mildest == profiles.ReactLazy && !late:
		leave = "patch.packages lets it wait: " + strings.Join(reasons, "; ")
	}
	return action, reasons, leave
}

// everybody is why a container that the host's changes do not affect is restarted nevertheless, or "".
func everybody(j Judged, p profiles.Patch, o RollOptions) string {
	switch {
	case o.All:
		return "all were asked for"
	case p.Scope == profiles.All && j.Behind:
		return "patch.scope is all, and the host was patched after it was mounted"
	}
	return ""
}

// reaction is what all reasons together ask for: one that asks for a restart is enough. A reason that is of no package asks for it.
func reaction(reasons []patch.Reason, packages map[string]profiles.Reaction) profiles.Reaction {
	asked := profiles.ReactIgnore
	for _, r := range reasons {
		switch packages[r.Package] {
		case profiles.ReactIgnore:
		case profiles.ReactLazy:
			asked = profiles.ReactLazy
		default:
			return profiles.ReactRestart
		}
	}
	return asked
}

// Behind returns, for each generation that a container has mounted, when the one after it was first seen: of those that are still archived.
func (m *Manager) Behind(ctx context.Context, look Inspection) (map[int]time.Time, error) {
	store, _, err := openGenerations(m.Dirs)
	if err != nil {
		return nil, err
	}
	behind := map[int]time.Time{}
	for _, j := range look.Containers {
		if _, known := behind[j.Generation]; known || j.Generation == 0 || j.Generation >= look.Newest {
			continue
		}
		behind[j.Generation] = time.Time{}
		if next, err := store.Load(ctx, j.Generation+1); err == nil {
			behind[j.Generation] = next.Taken
		}
	}
	return behind, ctx.Err()
}

// packages are those that differ between any generation that was looked at and now: from the oldest version to the newest.
func (i *inspector) packages() []generation.PackageChange {
	type key struct{ name, arch string }
	changed := map[key]generation.PackageChange{}
	for _, number := range slices.Sorted(maps.Keys(i.diffs)) {
		for _, c := range i.diffs[number].Packages {
			if _, known := changed[key{c.Name, c.Arch}]; !known {
				changed[key{c.Name, c.Arch}] = c
			}
		}
	}
	return slices.SortedFunc(maps.Values(changed), func(a, b generation.PackageChange) int {
		return strings.Compare(a.Name+"/"+a.Arch, b.Name+"/"+b.Arch)
	})
}
