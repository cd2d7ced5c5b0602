package lxc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
)

// newUpper ends the name of an upper that is being made.
const newUpper = ".new"

// ensureDelta makes upper and work where they are missing: of a new container, or of a host filesystem that was mounted since.
func ensureDelta(stack overlay.Stack, shift uint32) error {
	if err := os.MkdirAll(filepath.Dir(stack.Upper), 0o700); err != nil {
		return fmt.Errorf("make the delta: %w", err)
	}
	if err := os.Mkdir(stack.Work, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make the delta: %w", err)
	}
	if exists(stack.Upper) {
		return nil
	}
	if err := makeUpper(stack, shift); err != nil {
		return fmt.Errorf("make the delta: %w", err)
	}
	return nil
}

// makeUpper makes the topmost directory of a merged root, which has the owner and mode of the base's. It gets its name when it has them: nobody could
// enter a container whose first start was interrupted in between. What such a start has left is used.
func makeUpper(stack overlay.Stack, shift uint32) error {
	var st unix.Stat_t
	if err := unix.Lstat(stack.Point, &st); err != nil {
		return fmt.Errorf("look at %s: %w", stack.Point, err)
	}
	dir := stack.Upper + newUpper
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := errors.Join(os.Chown(dir, int(st.Uid+shift), int(st.Gid+shift)), unix.Chmod(dir, st.Mode&0o7777)); err != nil {
		return err
	}
	return os.Rename(dir, stack.Upper)
}
