package beneath

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrName is returned by every method for a path that is not a rel in the sense of the package; nothing was done.
var ErrName = errors.New("not a clean relative path")

// ErrLink is returned where a symbolic link is where a directory or a regular file had to be, as the entry or on the way to it.
var ErrLink = errors.New("a symbolic link is in the way")

// ErrMounted is returned where a mount point is in the way, as the entry or on the way to it; whatever is mounted there is untouched.
var ErrMounted = errors.New("a filesystem is mounted there; unmount it")

// ErrNotRegular is returned where a regular file had to be and something other than a link is.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge is returned for content or attributes above the limit.
var ErrTooLarge = errors.New("larger than the limit")

// fail adds to an error what was done to which path, and turns the kernel's refusals into those of the package.
func (d *Dir) fail(verb, rel string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ELOOP):
		err = ErrLink
	case errors.Is(err, unix.EXDEV), errors.Is(err, unix.EBUSY):
		err = ErrMounted
	case errors.Is(err, unix.EPERM):
		err = fmt.Errorf("%w; is it, or its directory, immutable? (lsattr -d, chattr -i -a)", err)
	}
	return fmt.Errorf("%s %s: %w", verb, d.show(rel), err)
}

// shown bounds the length of a path in an error.
const shown = 200

// show is a path for the reader of an error: quoted, since its bytes are hostile, and cut in the middle.
func (d *Dir) show(rel string) string {
	text := d.path
	if rel != "." {
		text = strings.TrimSuffix(text, "/") + "/" + rel
	}
	if len(text) > shown {
		text = text[:shown/2] + "…" + text[len(text)-shown/2:]
	}
	return fmt.Sprintf("%q", text)
}

// skipMissing turns the error for what is not there any more into none.
func skipMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
