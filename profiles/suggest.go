package profiles

import (
	"fmt"
	"strings"
)

// didYouMean is a hint with the candidate closest to what was written, or "" if none is close.
func didYouMean(written string, candidates []string) string {
	const longest = 40 // bounds the work; no word of ours is as long
	if len(written) > longest {
		return ""
	}
	best, least := "", max(1, min(3, len(written)/2))+1
	for _, c := range candidates {
		// Who writes limits.memory at the top or leaves a word unfinished is helped, too.
		d := min(distance(written, c), distance(written, c[strings.LastIndex(c, ".")+1:]))
		if len(written) >= 3 && strings.HasPrefix(c, written) {
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// distance is the number of insertions, deletions, substitutions and swaps of neighbours that make a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
