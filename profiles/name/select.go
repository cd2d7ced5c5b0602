package name

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Select gives the names of those containers in have that any target of include means and no target of exclude, in natural order and each
// once. An included target that means none, a name of an included expression that does not exist, an excluded target that means none, and a
// selection that exclude left empty are errors that wrap ErrNoMatch: a typing error never widens or empties a selection silently. All of
// them are reported together.
func Select(include, exclude []Target, have []Subject) ([]string, error) {
	wanted, errs := collect(include, have, missing)
	unwanted, errs2 := collect(exclude, have, nil)
	if err := errors.Join(append(errs, errs2...)...); err != nil {
		return nil, err
	}
	var names []string
	for name := range wanted {
		if !unwanted[name] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoMatch, emptiness(include))
	}
	slices.SortFunc(names, Compare)
	return names, nil
}

func emptiness(include []Target) string {
	if len(include) == 0 {
		return "no target was given"
	}
	return "what was excluded leaves no container"
}

// collect gives the names that the targets mean, and one error for each target that means none or of which lost says that it lacks some.
func collect(targets []Target, have []Subject, lost func(t Target, found map[string]bool) error) (map[string]bool, []error) {
	names := map[string]bool{}
	var errs []error
	for _, t := range targets {
		found := matches(t, have)
		if len(found) == 0 {
			errs = append(errs, noMatch(t))
			continue
		}
		if lost != nil {
			if err := lost(t, found); err != nil {
				errs = append(errs, err)
			}
		}
		for name := range found {
			names[name] = true
		}
	}
	return names, errs
}

func matches(t Target, have []Subject) map[string]bool {
	found := map[string]bool{}
	if t.kind != kindNames {
		for _, s := range have {
			if t.Match(s) {
				found[s.Name] = true
			}
		}
		return found
	}
	// Match would be quadratic for a range of 10000 over as many containers.
	asked := make(map[string]bool, len(t.names))
	for _, n := range t.names {
		asked[n] = true
	}
	for _, s := range have {
		if asked[s.Name] {
			found[s.Name] = true
		}
	}
	return found
}

func noMatch(t Target) error {
	if t.kind == kindNames && len(t.names) == 1 {
		return fmt.Errorf("%w: there is no container %s", ErrNoMatch, t.names[0])
	}
	return fmt.Errorf("%w: no container is meant by %s", ErrNoMatch, quote(t.text))
}

// missing names those containers of an expression that do not exist.
func missing(t Target, found map[string]bool) error {
	const shown = 10
	var lost []string
	for _, n := range t.names {
		if !found[n] {
			lost = append(lost, n)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	list := strings.Join(lost[:min(shown, len(lost))], ", ")
	if len(lost) > shown {
		list = fmt.Sprintf("%s and %d more", list, len(lost)-shown)
	}
	return fmt.Errorf("%w: of %s there is no %s", ErrNoMatch, quote(t.text), list)
}
