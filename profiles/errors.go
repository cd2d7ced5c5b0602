package profiles

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNotFound is wrapped by the errors about a profile that neither is built in nor lies in the library's directory.
var ErrNotFound = errors.New("no such profile")

// Error is one problem of one profile, or of one --set. Errors of this package that say what is wrong with outside input are of this type,
// several of them joined (errors.Join).
type Error struct {
	// File is the profile's file as it was given, "--set KEY", or "spec" for a Spec that was not resolved from files.
	File string
	// Line and Column begin at 1 and count characters; both are 0 where the problem has no place in a text.
	Line, Column int
	// Key is the key whose value is wrong, such as limits.memory or hide[2]; empty where the problem is not one of a value.
	Key string
	// Reason says what is wrong, Hint how to cure it; Hint may be empty.
	Reason, Hint string

	cause error
}

// Error gives the problem on one line: "web.yaml:12:9: unknown key "memry" (did you mean "memory"?)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(printable(e.File))
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	if e.Key != "" {
		b.WriteString(": " + e.Key)
	}
	b.WriteString(": " + e.Reason)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap gives the sentinel that the problem stands for, if any.
func (e *Error) Unwrap() error { return e.cause }

// maxErrors is how many problems are shown of one input.
const maxErrors = 20

// join sorts the problems by place and joins the first of them; nil if there are none.
func join(errs []*Error) error {
	if len(errs) == 0 {
		return nil
	}
	errs = slices.Clone(errs)
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if len(errs) > maxErrors {
		rest := &Error{File: errs[0].File, Reason: "more is wrong", Hint: "cure this first"}
		errs = append(errs[:maxErrors], rest)
	}
	list := make([]error, len(errs))
	for i, e := range errs {
		list[i] = e
	}
	return errors.Join(list...)
}
