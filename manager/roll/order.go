package roll

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/profiles/name"
)

// order knows which members a member is restarted after. Each target is looked up once, however many members name it.
type order struct {
	have []name.Subject
	mean map[string][]string // by target
}

func newOrder(members []Planned) *order {
	o := &order{mean: map[string][]string{}}
	for _, m := range members {
		o.have = append(o.have, name.Subject{Name: m.Name, Profile: m.Profile, Tags: m.Tags})
	}
	return o
}

// means returns the members that a target means.
func (o *order) means(target string) ([]string, error) {
	if names, ok := o.mean[target]; ok {
		return names, nil
	}
	t, err := name.ParseTarget(target)
	if err != nil {
		return nil, err
	}
	names, err := name.Select([]name.Target{t}, nil, o.have)
	if err != nil {
		names = nil // it means nobody, or not all that it names: who is not there is not waited for
		for _, s := range o.have {
			if t.Match(s) {
				names = append(names, s.Name)
			}
		}
	}
	o.mean[target] = names
	return names, nil
}

// before calls f for each member that m is restarted after, until f returns false. A target that means m itself among others does not count.
func (o *order) before(m Planned, f func(member string) bool) {
	for _, target := range m.Patch.After {
		names, err := o.means(target)
		if err != nil {
			continue // checkOrder has refused it
		}
		for _, n := range names {
			if (n != m.Name || target == m.Name) && !f(n) {
				return
			}
		}
	}
}

// checkOrder returns an error if a target cannot be read, and ErrCircle, with the members, if some wait for each other.
func checkOrder(members []Planned) error {
	o := newOrder(members)
	byName := make(map[string]Planned, len(members))
	for _, m := range members {
		byName[m.Name] = m
		for _, target := range m.Patch.After {
			if _, err := o.means(target); err != nil {
				return fmt.Errorf("%s: after: %w", m.Name, err)
			}
		}
	}
	const open, closed = 1, 2
	seen := map[string]int{}
	var path []string
	var visit func(member string) error
	visit = func(member string) error {
		path = append(path, member)
		switch seen[member] {
		case closed:
		case open:
			return fmt.Errorf("%w: %s", ErrCircle, strings.Join(path[slices.Index(path, member):], " is after "))
		default:
			seen[member] = open
			var err error
			o.before(byName[member], func(n string) bool { err = visit(n); return err == nil })
			if err != nil {
				return err
			}
			seen[member] = closed
		}
		path = path[:len(path)-1]
		return nil
	}
	for _, m := range members {
		if err := visit(m.Name); err != nil {
			return err
		}
	}
	return nil
}

// sorted gives members in the order in which they are restarted as far as nothing else counts: by priority, the higher first, then by name.
func sorted(members []Member) []Member {
	slices.SortStableFunc(members, func(a, b Member) int {
		if a.Priority != b.Priority {
			return b.Priority - a.Priority
		}
		return name.Compare(a.Name, b.Name)
	})
	return members
}
