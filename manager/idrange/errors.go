package idrange

import "errors"

var (
	// ErrExhausted says that the pool has fewer free ranges than were asked for.
	ErrExhausted = errors.New("no free id range")

	// ErrPool says that a pool is not usable: empty, or with ids that belong to the host or do not exist.
	ErrPool = errors.New("unusable id pool")

	// ErrTaken says that a subordinate id file gives a part of the pool to somebody else.
	ErrTaken = errors.New("ids of the pool belong to somebody else")

	// ErrTooLarge says that a subordinate id file is larger than MaxFile and was not looked at.
	ErrTooLarge = errors.New("file of subordinate ids is too large")
)
