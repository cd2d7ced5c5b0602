package name

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxNames is how many names one expression may stand for.
const MaxNames = 10000

// MaxExpression is the longest expression or target in bytes.
const MaxExpression = 4096

// Expand gives the names that an expression stands for, in the order written and each once. An expression is a name, or a name with one
// range part anywhere in it: web<1..100>, web[1-100], web{1..100}, db[001-100,200]-eu. A number or bound with leading zeros sets the width
// of its range. Every name passes Check. The error wraps ErrName, or ErrTooMany for more than MaxNames names, which is found out before
// anything is expanded.
func Expand(expr string) ([]string, error) {
	if len(expr) > MaxExpression {
		return nil, fmt.Errorf("%w %s: longer than %d characters", ErrName, quote(expr), MaxExpression)
	}
	open := strings.IndexAny(expr, "<[{")
	if open < 0 {
		if strings.ContainsAny(expr, ">]}") {
			return nil, badExpr(expr, "a bracket is closed that was not opened")
		}
		if err := Check(expr); err != nil {
			return nil, withHint(expr, err)
		}
		return []string{expr}, nil
	}
	body, suffix, err := cutRange(expr, open)
	if err != nil {
		return nil, err
	}
	spans, err := parseSpans(expr, body)
	if err != nil {
		return nil, err
	}
	return generate(expr, expr[:open], spans, suffix)
}

// withHint adds what was probably meant to the error about an expression that is not a name.
func withHint(expr string, err error) error {
	switch {
	case strings.Contains(expr, ","):
		return fmt.Errorf("%w (separate names by spaces)", err)
	case strings.Contains(expr, ".."):
		return fmt.Errorf("%w (write a range in brackets: web[1-100])", err)
	case strings.ToLower(expr) != expr && Check(strings.ToLower(expr)) == nil:
		return fmt.Errorf("%w (did you mean %s?)", err, strings.ToLower(expr))
	}
	return err
}

func badExpr(expr, reason string) error {
	return fmt.Errorf("%w %s: %s", ErrName, quote(expr), reason)
}

// cutRange gives what is inside the bracket at open and what follows it.
func cutRange(expr string, open int) (body, suffix string, err error) {
	closing := map[byte]string{'<': ">", '[': "]", '{': "}"}[expr[open]]
	body, suffix, ok := strings.Cut(expr[open+1:], closing)
	if !ok {
		return "", "", badExpr(expr, fmt.Sprintf("%q is not closed by %q", expr[open:open+1], closing))
	}
	if strings.ContainsAny(body, "<[{>]}") || strings.ContainsAny(suffix, "<[{>]}") {
		return "", "", badExpr(expr, "only one range is allowed in a name")
	}
	return body, suffix, nil
}

// span is one part of a range: from first to last, written with at least width digits.
type span struct {
	first, last uint64
	width       int
}

func parseSpans(expr, body string) ([]span, error) {
	var spans []span
	total := uint64(0)
	for _, part := range strings.Split(body, ",") {
		s, reason := parseSpan(part)
		if reason != "" {
			return nil, badExpr(expr, reason)
		}
		// The sum cannot overflow: it is left as soon as it passes MaxNames, and one span is below 2^63.
		if total += s.last - s.first + 1; total > MaxNames {
			return nil, fmt.Errorf("%w: %s stands for more than %d", ErrTooMany, quote(expr), MaxNames)
		}
		spans = append(spans, s)
	}
	return spans, nil
}

func parseSpan(part string) (s span, reason string) {
	from, to, ok := strings.Cut(part, "..")
	if !ok {
		from, to, ok = strings.Cut(part, "-")
	}
	if !ok {
		to = from
	}
	if digits(from) != len(from) || digits(to) != len(to) || from == "" || to == "" {
		return s, fmt.Sprintf("%s is not a number or a range such as 1..100 or 1-100", quote(part))
	}
	if len(from) > MaxLen || len(to) > MaxLen {
		return s, fmt.Sprintf("%s has more digits than a name", quote(part))
	}
	var err, err2 error
	s.first, err = strconv.ParseUint(from, 10, 63)
	s.last, err2 = strconv.ParseUint(to, 10, 63)
	if err != nil || err2 != nil {
		return s, fmt.Sprintf("%s is too large a number", quote(part))
	}
	if s.first > s.last {
		return s, fmt.Sprintf("%s counts down: write %s..%s", quote(part), to, from)
	}
	if padded(from) || padded(to) {
		s.width = max(len(from), len(to))
	}
	return s, ""
}

func padded(s string) bool { return len(s) > 1 && s[0] == '0' }

func generate(expr, prefix string, spans []span, suffix string) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for _, s := range spans {
		for n := s.first; n <= s.last; n++ {
			name := fmt.Sprintf("%s%0*d%s", prefix, s.width, n, suffix)
			if seen[name] {
				continue
			}
			if err := Check(name); err != nil {
				return nil, fmt.Errorf("%s: %w", quote(expr), err)
			}
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, nil
}
