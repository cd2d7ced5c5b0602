package beneath

import (
	"context"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// RemoveTree removes the entry rel with all that is in it, however deep, and crosses no mount point: the error then wraps ErrMounted. It is
// no error if there is nothing. On an error, or at the end of ctx, the rest stays and the call can be repeated. Somebody who keeps adding to
// the tree can keep it from ending.
func (d *Dir) RemoveTree(ctx context.Context, rel string) error {
	dir, name, done, err := d.parent(rel)
	if err != nil {
		return skipMissing(d.fail("remove", rel, err))
	}
	defer done()
	for {
		isDir, err := unlink(dir, name)
		if err != nil || !isDir {
			return d.fail("remove", rel, err)
		}
		err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
		if !occupied(err) {
			return skipMissing(d.fail("remove", rel, err))
		}
		tree, err := d.Sub(rel)
		if err == nil {
			err = errors.Join(tree.empty(ctx), tree.Close())
		}
		if skipMissing(err) != nil {
			return err
		}
	}
}

// empty removes all that is in d.
func (d *Dir) empty(ctx context.Context) error {
	c, err := startClimb(d, namesHeld)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, ok, err := c.any()
		switch {
		case err != nil:
			return err
		case ok:
			err = c.remove(name)
		case len(c.levels) == 1:
			return nil
		default:
			err = c.leave()
		}
		if err != nil {
			return err
		}
	}
}

// any returns one more name of the current directory, in no order. It begins anew after each batch: what was read is removed meanwhile.
func (c *climb) any() (name string, ok bool, err error) {
	l := c.top()
	if len(l.left) == 0 {
		if _, err := c.at.file.Seek(0, io.SeekStart); err != nil {
			return "", false, c.at.fail("list", ".", err)
		}
		names, err := c.at.file.Readdirnames(batchSize)
		if len(names) == 0 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return "", false, c.at.fail("list", ".", err)
		}
		c.hold(names)
	}
	name = l.left[len(l.left)-1]
	l.left = l.left[:len(l.left)-1]
	return name, true, nil
}

// remove removes one name, or goes down if it is a directory with something in it.
func (c *climb) remove(name string) error {
	dir := c.at.fd()
	isDir, err := unlink(dir, name)
	if err != nil || !isDir {
		return c.at.fail("remove", name, err)
	}
	err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	if occupied(err) {
		return skipMissing(c.down(name))
	}
	return skipMissing(c.at.fail("remove", name, err))
}

// leave goes up and removes where it came from. If something has come in meanwhile, the next reading of the directory finds it again.
func (c *climb) leave() error {
	from := c.top().name
	depth := len(c.levels)
	if c.up(); len(c.levels) != depth-1 {
		return nil
	}
	err := unix.Unlinkat(c.at.fd(), from, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return skipMissing(c.at.fail("remove", from, err))
}

// occupied reports whether a directory was not removed because of what is in it, or on it: opening it says which.
func occupied(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY)
}

// unlink removes a name that is no directory, and reports whether it is one.
func unlink(dir int, name string) (isDir bool, err error) {
	err = unix.Unlinkat(dir, name, 0)
	if errors.Is(err, unix.EISDIR) {
		return true, nil
	}
	return false, skipMissing(err)
}
