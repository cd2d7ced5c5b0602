package output

import (
	"context"
	"errors"
)

// Error is a failure that knows how it ends the process and what a person can do about it. What is empty is filled: Code from Exit, Exit
// from Code, Message from Err, and all but the message from another *Error in the tree of Err.
type Error struct {
	Code    string // one snake_case word for programs, such as CodeBusy
	Exit    int    // an exit code; never ExitDone
	Message string // a verb phrase in lower case, such as "cannot start: no id range is free"
	Hint    string // what to do next, as an imperative; empty if nobody knows
	Err     error  // the cause; it is not part of the text if Message is set
}

// Error returns the message, or the text of the cause where there is none. The hint is not part of it.
func (e *Error) Error() string { return e.filled().Message }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Err }

// filled returns a copy in which no field that can be derived is empty.
func (e *Error) filled() Error {
	f := *e
	var inner *Error
	if errors.As(f.Err, &inner) {
		f.inherit(inner.filled())
	}
	switch {
	case f.Exit != ExitDone:
	case f.Code != "":
		f.Exit = exitOf(f.Code)
	default:
		f.Exit = max(ExitOf(f.Err), ExitError)
	}
	if f.Code == "" {
		f.Code = codeOf(f.Exit)
	}
	if f.Message == "" && f.Err != nil {
		f.Message = f.Err.Error()
	}
	if f.Message == "" {
		f.Message = f.Code
	}
	return f
}

// inherit takes from an error further down what e does not say itself.
func (e *Error) inherit(inner Error) {
	if e.Code == "" && e.Exit == ExitDone {
		e.Code, e.Exit = inner.Code, inner.Exit
	}
	if e.Hint == "" {
		e.Hint = inner.Hint
	}
}

// Failure is an error as JSON shows it. Code is never empty.
type Failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`

	// Exit is the exit code the error asks for; programs read it from the process and not from here.
	Exit int `json:"-"`
}

// ErrorOf returns err as a Failure: nil for nil, the fields of the first *Error in its tree, else a code that fits ExitOf. The message is
// always the text of the whole err, so that what a caller wrapped around an *Error is kept.
func ErrorOf(err error) *Failure {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		f := e.filled()
		return &Failure{Code: f.Code, Message: err.Error(), Hint: f.Hint, Exit: f.Exit}
	}
	exit := ExitOf(err)
	message := err.Error()
	if errors.Is(err, context.Canceled) {
		message = "interrupted: the same command again finishes the work"
	}
	return &Failure{Code: codeOf(exit), Message: message, Exit: exit}
}
