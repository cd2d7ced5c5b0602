package name

import (
	"errors"
	"strconv"
)

// ErrName is wrapped by every error about a text that is not a name, an expression or a target.
var ErrName = errors.New("bad name")

// ErrNoMatch is wrapped by the errors of Select for targets that mean no existing container.
var ErrNoMatch = errors.New("no match")

// ErrTooMany is wrapped by the errors about expressions of more than MaxNames names.
var ErrTooMany = errors.New("too many names")

// quote makes outside input fit for a message: bounded, on one line, and without anything that a terminal would act upon.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}
