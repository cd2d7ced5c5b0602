package bench

import (
	"fmt"
	"slices"
)

// Sample is one figure, once per round.
type Sample []float64

// Median returns the middle value, the mean of the two middle ones of an even number, and 0 of none.
func (s Sample) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Over returns the ratios of s to other, round by round. Rounds that only one of them has, or in which other is 0, are left out.
func (s Sample) Over(other Sample) Sample {
	var ratios Sample
	for i := range min(len(s), len(other)) {
		if other[i] != 0 {
			ratios = append(ratios, s[i]/other[i])
		}
	}
	return ratios
}

// Times returns the sample with every value multiplied.
func (s Sample) Times(factor float64) Sample {
	scaled := make(Sample, len(s))
	for i, v := range s {
		scaled[i] = v * factor
	}
	return scaled
}

// Sum adds the values up.
func (s Sample) Sum() float64 {
	var sum float64
	for _, v := range s {
		sum += v
	}
	return sum
}

// String is the median and the spread: "6.9 (6.7..7.4)", with two decimals where the values are small.
func (s Sample) String() string {
	if len(s) == 0 {
		return "not measured"
	}
	median := s.Median()
	return fmt.Sprintf("%s (%s..%s)", figure(median, median), figure(slices.Min(s), median), figure(slices.Max(s), median))
}

// figure writes a value with the decimals that fit a scale.
func figure(v, scale float64) string {
	switch {
	case scale < 10:
		return fmt.Sprintf("%.2f", v)
	case scale < 1000:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// Verdict compares the median with the most that it should be.
func (s Sample) Verdict(goal float64) string {
	switch {
	case len(s) == 0:
		return "not measured"
	case s.Median() <= goal:
		return "goal " + figure(goal, goal) + " met"
	default:
		return "goal " + figure(goal, goal) + " missed"
	}
}
