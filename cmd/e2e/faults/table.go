package faults

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table is how many calls each verb makes and at how many of them it was broken.
type Table map[Row]*Cell

// Row is a line of a table.
type Row struct {
	Verb string
	Role Role
	Call string
}

func compare(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Verb, b.Verb), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Call, b.Call))
}

// Cell is what a line says.
type Cell struct {
	Calls          int // of a run without a fault
	Failed, Killed int // points at which the call was made to fail, or its process was killed
}

// Count enters the calls of a run without a fault.
func (t Table) Count(verb string, c Counts) {
	for p, n := range c {
		t[Row{verb, p.Role, p.Call}] = &Cell{Calls: n}
	}
}

// Add enters a fault that came about. Its call must have been counted.
func (t Table) Add(verb string, f Fault) {
	cell := t[Row{verb, f.Role, f.Call}]
	if f.Kill {
		cell.Killed++
		return
	}
	cell.Failed++
}

// Points is the number of all faults that came about.
func (t Table) Points() int {
	sum := 0
	for _, c := range t {
		sum += c.Failed + c.Killed
	}
	return sum
}

// Missed names the lines of calls that were counted, and that were never made to fail or never had their process killed.
func (t Table) Missed() []Row {
	var missed []Row
	for row, c := range t {
		if c.Calls > 0 && (c.Failed == 0 || c.Killed == 0) {
			missed = append(missed, row)
		}
	}
	slices.SortFunc(missed, compare)
	return missed
}

// Never names the calls of [Calls] that no verb makes.
func (t Table) Never(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool {
		for row := range t {
			if row.Call == name {
				return true
			}
		}
		return false
	})
}

// String is a line for each call, with the sums of each verb.
func (t Table) String() string {
	rows := slices.SortedFunc(maps.Keys(t), compare)
	var out strings.Builder
	fmt.Fprintf(&out, "%-15s %-9s %-18s %5s %6s %6s\n", "VERB", "ROLE", "CALL", "CALLS", "FAILED", "KILLED")
	for _, r := range rows {
		c := t[r]
		fmt.Fprintf(&out, "%-15s %-9s %-18s %5d %6d %6d\n", r.Verb, r.Role, r.Call, c.Calls, c.Failed, c.Killed)
	}
	fmt.Fprintf(&out, "%d points\n", t.Points())
	return out.String()
}
