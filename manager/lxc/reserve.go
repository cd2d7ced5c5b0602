package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mount"
)

// Reserve is what each delta sets aside for the day on which its filesystem is full: mounting an overlay makes a directory, so without it a
// full container could not be started to be cleaned. A quarter of a mebibyte and some inodes are enough to mount, enter and delete.
func Reserve() delta.Reserve { return delta.Reserve{Bytes: 256 << 10, Inodes: 32} }

// ErrFull says that a container's delta has no room left, and nothing set aside either.
var ErrFull = errors.New("the filesystem of its delta is full; free space there, or take something out with 'sysctr delta reset'")

// mend finishes what an interrupted reset left of a delta, and sets its reserve aside again where that was used up. Neither may keep a
// container from starting: a trash that cannot be understood is none of its layers, and a full filesystem is what the reserve was for.
func mend(ctx context.Context, dir string) error {
	trash, reserve := exists(filepath.Join(dir, "trash")), exists(filepath.Join(dir, "reserve"))
	if !trash && reserve {
		return nil // as nearly always: two looks instead of an open delta
	}
	d, err := delta.Open(dir)
	if err != nil {
		return fmt.Errorf("open the delta: %w", err)
	}
	defer d.Close() // a directory that is only looked through
	if trash {
		if err := d.Recover(ctx); err != nil && !errors.Is(err, delta.ErrDamaged) && !errors.Is(err, delta.ErrFormat) && !full(err) {
			return fmt.Errorf("finish an interrupted reset: %w", err)
		}
	}
	if err := d.Reserve(Reserve()); err != nil && !errors.Is(err, delta.ErrNoRoom) && !full(err) {
		return fmt.Errorf("set a reserve aside: %w", err)
	}
	return nil
}

// mountFull mounts over a full delta, for which the delta's reserve is given up.
func (s *Starter) mountFull(r mount.Request, dir string) (*mount.Root, error) {
	released, err := giveBack(context.Background(), dir) // the start has begun, and ends as a whole
	if err != nil {
		return nil, errors.Join(ErrFull, err)
	}
	if !released {
		return nil, ErrFull
	}
	root, err := s.session.Mount(r)
	if unwritable(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	return root, err
}

// makeDelta is ensureDelta, over a full filesystem too.
func (s *Starter) makeDelta(stack overlay.Stack, shift uint32, dir string) error {
	err := ensureDelta(stack, shift)
	if !full(err) {
		return err
	}
	if _, err := giveBack(context.Background(), dir); err != nil {
		return errors.Join(ErrFull, err)
	}
	if err = ensureDelta(stack, shift); full(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// giveBack releases the reserve of a delta and reports whether there was one.
func giveBack(ctx context.Context, dir string) (bool, error) {
	d, err := delta.Open(dir)
	if err != nil {
		return false, err
	}
	defer d.Close()
	had, err := d.Reserved()
	if err != nil || (had.Bytes == 0 && had.Inodes == 0) {
		return false, err
	}
	return true, d.Release(ctx)
}

// unwritable says that a mount has failed for want of room.
func unwritable(err error) bool { return full(err) || errors.Is(err, mount.ErrReadOnly) }

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
