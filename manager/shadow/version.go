package shadow

import (
	"cmp"
	"strings"
)

// CompareVersions orders versions of Debian packages as deb-version(7) does: negative if a is older than b. Any text is accepted.
func CompareVersions(a, b string) int {
	epochA, upstreamA, revisionA := split(a)
	epochB, upstreamB, revisionB := split(b)
	if c := compareNumbers(epochA, epochB); c != 0 {
		return c
	}
	if c := comparePart(upstreamA, upstreamB); c != 0 {
		return c
	}
	return comparePart(revisionA, revisionB)
}

// split takes a version apart: EPOCH:UPSTREAM-REVISION. Without an epoch it is 0, and without a revision that is the same as 0.
func split(v string) (epoch, upstream, revision string) {
	if before, after, ok := strings.Cut(v, ":"); ok {
		epoch, v = before, after
	}
	if at := strings.LastIndexByte(v, '-'); at >= 0 {
		return epoch, v[:at], v[at+1:]
	}
	return epoch, v, ""
}

// comparePart compares text and number by turns until they differ.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			if c := cmp.Compare(weight(a), weight(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:] // both have one: an end weighs what nothing else that is no digit does
		}
		numberA, restA := leading(a)
		numberB, restB := leading(b)
		if c := compareNumbers(numberA, numberB); c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return 0
}

// weight is the order of the first byte of a part: a tilde before the end, digits as the end, then letters, then the rest.
func weight(s string) int {
	switch {
	case s == "" || digit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case 'a' <= s[0]|0x20 && s[0]|0x20 <= 'z':
		return int(s[0])
	}
	return int(s[0]) + 256
}

func leading(s string) (number, rest string) {
	n := 0
	for n < len(s) && digit(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// compareNumbers compares decimal digits of any length.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if c := cmp.Compare(len(a), len(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func digit(b byte) bool { return '0' <= b && b <= '9' }
