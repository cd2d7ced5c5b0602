package faults

import (
	"cmp"
	"fmt"
	"slices"
)

// Point is the N-th call of one kind, from 1 on, that processes of one role make while a verb is carried out.
type Point struct {
	Role Role
	Call string
	N    int
}

// Fault is what happens at a point: the call fails, or else its process is killed before it does anything.
type Fault struct {
	Point
	Kill bool
}

// String says it in words.
func (f Fault) String() string {
	what := "fails"
	if f.Kill {
		what = "kills"
	}
	return fmt.Sprintf("%s %s %d %s", f.Role, f.Call, f.N, what)
}

// Counts is how often each call was made; the N of its keys is 0.
type Counts map[Point]int

// Choose returns faults of both kinds at no more than most points of each call and role, in a fixed order: all of them, or else the first, the last and
// what lies evenly between.
func Choose(c Counts, most int) []Fault {
	var kinds []Point
	for p := range c {
		kinds = append(kinds, p)
	}
	slices.SortFunc(kinds, func(a, b Point) int { return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Call, b.Call)) })
	var faults []Fault
	for _, p := range kinds {
		for _, n := range spread(c[p], most) {
			at := Point{p.Role, p.Call, n}
			faults = append(faults, Fault{at, false}, Fault{at, true})
		}
	}
	return faults
}

// spread returns numbers from 1 to count, at most as many as wanted.
func spread(count, most int) []int {
	if most <= 0 || count <= 0 {
		return nil
	}
	if most == 1 {
		return []int{(count + 1) / 2}
	}
	var numbers []int
	for i := range min(count, most) {
		n := i + 1
		if count > most {
			n = 1 + i*(count-1)/(most-1)
		}
		numbers = append(numbers, n)
	}
	return numbers
}
