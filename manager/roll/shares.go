package roll

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/profiles"
)

// share is a group of members of whom only so many may be down at once.
type share struct {
	members, limit int
	down           []string
}

// shares are all such groups, by the key of the policy that limits them.
type shares map[string]*share

// limit is one group that a member belongs to.
type limit struct {
	key    string
	amount profiles.Amount
}

func limits(m Planned, p profiles.Policy) []limit {
	list := []limit{{"max_unavailable", p.MaxUnavailable}}
	if m.Patch.MaxUnavailable != "" {
		list = append(list, limit{"max_unavailable of profile " + m.Profile, m.Patch.MaxUnavailable})
	}
	for _, tag := range m.Tags {
		if amount, ok := p.PerTag[tag]; ok {
			list = append(list, limit{"per_tag of " + tag, amount})
		}
	}
	return list
}

// newShares counts. A share is one of the members that were not at rest when the plan was made; where members of a group were given different
// amounts, the smallest counts.
func newShares(r Roll, w World) shares {
	all := shares{}
	for _, m := range r.Members {
		for _, l := range limits(m.Planned, r.Policy) {
			s := all[l.key]
			if s == nil {
				s = &share{}
				all[l.key] = s
			}
			if !m.Resting {
				s.members++
			}
			if m.down(w) {
				s.down = append(s.down, m.Name)
			}
		}
	}
	for _, m := range r.Members {
		for _, l := range limits(m.Planned, r.Policy) {
			s := all[l.key]
			if n := l.amount.Of(s.members); s.limit == 0 || n < s.limit {
				s.limit = n
			}
		}
	}
	return all
}

// down says whether a member is not up, or must be taken for it.
func (m Member) down(w World) bool {
	if m.underWay() || m.State == Failed {
		return true
	}
	s, exists := w.Sights[m.Name]
	return exists && (s.Condition == Sick || s.Condition == Down)
}

// take counts a member as down and returns "" if it may be restarted; else it returns why not. One that is down already changes nothing.
func (all shares) take(m Member, w World, p profiles.Policy) string {
	if m.down(w) {
		return ""
	}
	list := limits(m.Planned, p)
	for _, l := range list {
		if s := all[l.key]; len(s.down) >= s.limit {
			return fmt.Sprintf("%s is %s (%d), and down are %s", l.key, l.amount, s.limit, some(s.down))
		}
	}
	for _, l := range list {
		all[l.key].down = append(all[l.key].down, m.Name)
	}
	return ""
}

// some names the first of many.
func some(names []string) string {
	const most = 5
	names = slices.Sorted(slices.Values(names))
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// fleetOf returns how many members were not at rest when the plan was made.
func fleetOf(r Roll) int {
	n := 0
	for _, m := range r.Members {
		if !m.Resting {
			n++
		}
	}
	return n
}
