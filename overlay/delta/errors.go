package delta

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// ErrPath is returned by Reset for a path that is not absolute and clean; nothing was moved.
var ErrPath = errors.New("not an absolute, clean path in the container")

// ErrDamaged is returned for a trash that is not as this package leaves one. It is not touched: look at it, then remove it by hand.
var ErrDamaged = errors.New("the delta's trash is damaged")

// ErrFormat is returned for a journal of another version of sysctr. It is not touched.
var ErrFormat = errors.New("the journal belongs to another version of sysctr; use that one")

// ErrNoRoom is returned by Reserve where the filesystem has not the space or the inodes to set any aside.
var ErrNoRoom = errors.New("the filesystem is too full for a reserve; free some of it")

// skipMissing turns the error for what is not there any more into none.
func skipMissing(err error) error {
	if missing(err) {
		return nil
	}
	return err
}

// missing reports whether there is nothing at a path, also because what is above it is no directory.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
