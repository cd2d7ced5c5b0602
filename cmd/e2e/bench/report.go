package bench

import (
	"fmt"
	"io"
)

// report prints figures as they are known.
type report struct {
	w      io.Writer
	number int
}

// head begins the lines of one figure.
func (r *report) head(format string, args ...any) {
	r.number++
	fmt.Fprintf(r.w, "\n%d  %s\n", r.number, fmt.Sprintf(format, args...))
}

// line prints a sample with its unit.
func (r *report) line(what string, s Sample, unit string) {
	fmt.Fprintf(r.w, "   %-46s %s %s\n", what, s, unit)
}

// goal prints a sample that should not be more than goal.
func (r *report) goal(what string, s Sample, unit string, goal float64) {
	fmt.Fprintf(r.w, "   %-46s %s %s  %s\n", what, s, unit, s.Verdict(goal))
}

// say prints a line that is no sample.
func (r *report) say(format string, args ...any) {
	fmt.Fprintf(r.w, "   %s\n", fmt.Sprintf(format, args...))
}
