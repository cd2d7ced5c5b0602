package name

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Subject is what a target can ask of a container that exists.
type Subject struct {
	Name    string
	Profile string
	State   string // one of States
	Verdict string // one of Verdicts
	Tags    []string
}

// States are the states of a container, in the order of its life, as "state:" takes them.
func States() []string {
	return []string{"creating", "stopped", "starting", "running", "frozen", "stopping", "broken"}
}

// Verdicts are what can be true of a container after a patch, as "patch:" takes them.
func Verdicts() []string {
	return []string{"patched", "unaffected", "stale", "shadowed", "unknown"}
}

type kind int

const (
	kindNames kind = iota
	kindGlob
	kindTag
	kindProfile
	kindState
	kindVerdict
	kindAll
)

// Target is a parsed expression that names containers. Only ParseTarget makes one that matches anything.
type Target struct {
	text  string
	kind  kind
	word  string   // the tag, profile, state, verdict or pattern
	names []string // of kindNames
}

// ParseTarget reads one target: an expression of Expand, a pattern of existing names ('web*', with * and ?), @tag, profile:P, state:S,
// patch:V or all. The error wraps ErrName or ErrTooMany.
func ParseTarget(s string) (Target, error) {
	if len(s) > MaxExpression {
		return Target{}, fmt.Errorf("%w %s: longer than %d characters", ErrName, quote(s), MaxExpression)
	}
	if s == "all" {
		return Target{text: s, kind: kindAll}, nil
	}
	if word, ok := strings.CutPrefix(s, "@"); ok {
		return selector(s, kindTag, word, Check(word))
	}
	if key, word, ok := strings.Cut(s, ":"); ok {
		return parseSelector(s, key, word)
	}
	if strings.ContainsAny(s, "*?") {
		return selector(s, kindGlob, s, checkGlob(s))
	}
	names, err := Expand(s)
	if err != nil {
		return Target{}, err
	}
	return Target{text: s, kind: kindNames, names: names}, nil
}

func parseSelector(s, key, word string) (Target, error) {
	switch key {
	case "profile":
		return selector(s, kindProfile, word, Check(word))
	case "state":
		return selector(s, kindState, word, oneOf(s, word, States()))
	case "patch":
		return selector(s, kindVerdict, word, oneOf(s, word, Verdicts()))
	}
	return Target{}, badExpr(s, fmt.Sprintf("%s: is none of profile:, state:, patch:", quote(key)))
}

func selector(s string, k kind, word string, err error) (Target, error) {
	if err != nil {
		return Target{}, fmt.Errorf("target %s: %w", quote(s), err)
	}
	return Target{text: s, kind: k, word: word}, nil
}

func oneOf(s, word string, words []string) error {
	if slices.Contains(words, word) {
		return nil
	}
	return badExpr(s, "known are "+strings.Join(words, ", "))
}

func checkGlob(s string) error {
	if len(s) > MaxLen {
		return fmt.Errorf("%w %s: a pattern has at most %d characters", ErrName, quote(s), MaxLen)
	}
	for _, r := range s {
		if !inName(r) && r != '*' && r != '?' {
			return badExpr(s, fmt.Sprintf("%q is not allowed in a pattern: use lower case letters, digits, hyphens, * and ?", r))
		}
	}
	return nil
}

// String gives the target as it was written.
func (t Target) String() string { return t.text }

// Lasting says whether the target means the same containers whatever happens to them: it does not ask for their state or verdict.
func (t Target) Lasting() bool { return t.text != "" && t.kind != kindState && t.kind != kindVerdict }

// AsksVerdict says whether what the target means depends on verdicts, which somebody has to find out first.
func (t Target) AsksVerdict() bool { return t.kind == kindVerdict }

// Names gives the names of a target that is an expression, and nil for every other: what create can make.
func (t Target) Names() []string { return slices.Clone(t.names) }

// Match says whether the target means this container.
func (t Target) Match(s Subject) bool {
	switch t.kind {
	case kindNames:
		return slices.Contains(t.names, s.Name)
	case kindGlob:
		// The pattern was checked to hold nothing but *, ? and what names hold, so it cannot be malformed.
		ok, err := path.Match(t.word, s.Name)
		return ok && err == nil
	case kindTag:
		return slices.Contains(s.Tags, t.word)
	case kindProfile:
		return s.Profile == t.word
	case kindState:
		return s.State == t.word
	case kindVerdict:
		return s.Verdict == t.word
	case kindAll:
		return true
	}
	return false
}
