package alive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// Remove takes the group and all groups below away, in every hierarchy. It is idempotent. As long as the kernel calls an empty group busy,
// which it does for a moment after the last process has ended, it tries again until ctx ends. It returns ErrPopulated as soon as it finds a
// process, and then some of the groups below are gone already.
func (t Tree) Remove(ctx context.Context) error {
	for _, b := range t.branches {
		if err := t.removeBranch(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (t Tree) removeBranch(ctx context.Context, b branch) error {
	for pause := (backoff{}); ; {
		err := b.remove()
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return err
		}
		left, errLeft := branchTree(b).populated()
		if errLeft != nil {
			return errLeft
		}
		if left {
			return fmt.Errorf("%w: %s", ErrPopulated, b.where())
		}
		if errWait := pause.wait(ctx); errWait != nil {
			return fmt.Errorf("%w: %w", err, errWait)
		}
	}
}

// branchTree is the part of a tree in one hierarchy, as a tree.
func branchTree(b branch) Tree { return Tree{branches: []branch{b}} }

// remove tries once. The usual case, a group without others below it, is one system call.
func (b branch) remove() error {
	parent, err := b.openPath(path.Dir(b.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = removeGroup(parent, path.Base(b.path))
	if errors.Is(err, unix.EBUSY) {
		err = b.removeBelow()
		if err == nil {
			err = removeGroup(parent, path.Base(b.path))
		}
	}
	return errors.Join(err, parent.Close())
}

func (b branch) removeBelow() error {
	dir, err := b.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(walk{leave: removeGroup}.run(dir), dir.Close())
}

func removeGroup(parent *os.File, name string) error {
	err := unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)
	if err != nil && !ignorable(err) {
		return fmt.Errorf("remove cgroup %s in %s: %w", name, parent.Name(), err)
	}
	return nil
}
