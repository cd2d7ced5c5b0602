package profiles

import (
	"fmt"
	"strings"
)

// Warnings says what an operator has to know of a valid spec before it is used: one sentence each, for printing.
func (s Spec) Warnings() []string {
	var list []string
	if s.Isolation == Privileged {
		list = append(list, "isolation is privileged: root in the container is root of the host, and nothing that is promised of isolation holds")
	}
	if kept := s.kept(); len(kept) > 0 {
		list = append(list, fmt.Sprintf("this version keeps %s, and does not act upon it yet", strings.Join(kept, ", ")))
	}
	return list
}

// kept names the keys that are set and that nothing acts upon yet.
func (s Spec) kept() []string {
	ordinary := defaults()
	var list []string
	for _, k := range []struct {
		name string
		set  bool
	}{
		{"volumes", len(s.Volumes) > 0},
		{"usr", s.Usr != ordinary.Usr},
	} {
		if k.set {
			list = append(list, k.name)
		}
	}
	return list
}
