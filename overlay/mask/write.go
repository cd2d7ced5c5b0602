package mask

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Shift moves every owner of a written tree. The zero Shift writes owners as they are, for a tmpfs that is idmapped when it is mounted
// (Linux 6.3 and later). With a Base the ids 0 to 65535 become Base to Base+65535; any other id, which a container's range does not have,
// becomes Base+65534 (nobody), so that nothing ever belongs to another container.
type Shift struct {
	Base uint32
}

const rangeSize = 65536

func (s Shift) id(id uint32) uint32 {
	if s.Base == 0 {
		return id
	}
	if id >= rangeSize {
		id = nobodyID
	}
	return s.Base + id
}

// Write makes the directory dir with what t says: owners, modes, ACLs, real whiteouts (character devices 0/0, as in the kernel's
// overlayfs.rst) and opaque directories. It is made as dir+".new" and then renamed, so dir appears whole or not at all; dir must not exist,
// and only one writer may use it at a time (a ".new" of a killed one is removed). On error nothing is left. It needs root.
func Write(dir string, t Tree, shift Shift) (err error) {
	if err := t.check(); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	fresh := dir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear what an interrupted run left: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make layer: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	if err := fill(fresh, t, shift); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, dir, unix.RENAME_NOREPLACE); err != nil {
		return &os.PathError{Op: "put layer into place", Path: dir, Err: err}
	}
	return nil
}

// fill makes the entries of t in dir, which is new and empty. Parents come before their children and are directories (Tree.check), so no
// path leads through a link.
func fill(dir string, t Tree, shift Shift) error {
	if _, ok := t.Find("."); !ok {
		if err := finish(dir, Entry{Path: ".", Kind: Dir, Mode: 0o755}, shift); err != nil {
			return &os.PathError{Op: "make", Path: ".", Err: err}
		}
	}
	for _, e := range t {
		if err := makeEntry(filepath.Join(dir, e.Path), e, shift); err != nil {
			return &os.PathError{Op: "make", Path: e.Path, Err: err}
		}
	}
	return nil
}

func makeEntry(at string, e Entry, shift Shift) error {
	var err error
	switch e.Kind {
	case Dir, Opaque:
		if e.Path != "." {
			err = unix.Mkdir(at, 0o700)
		}
	case Whiteout:
		return unix.Mknod(at, unix.S_IFCHR|0o644, 0)
	case Link:
		if err := unix.Symlink(e.Target, at); err != nil {
			return err
		}
		return unix.Lchown(at, int(shift.id(e.UID)), int(shift.id(e.GID)))
	case File:
		err = writeFile(at, e.Data)
	}
	if err != nil {
		return err
	}
	return finish(at, e, shift)
}

func writeFile(at string, data []byte) error {
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// finish sets owner, mode, ACL and opaqueness. The mode comes after the owner, since chown clears setuid; the ACL after the mode, which it
// refines.
func finish(at string, e Entry, shift Shift) error {
	if err := unix.Lchown(at, int(shift.id(e.UID)), int(shift.id(e.GID))); err != nil {
		return err
	}
	if err := unix.Chmod(at, e.Mode); err != nil {
		return err
	}
	if len(e.ACL) > 0 {
		acl, err := shiftACL(e.ACL, shift)
		if err != nil {
			return err
		}
		if err := unix.Lsetxattr(at, xattrACL, acl, 0); err != nil {
			return fmt.Errorf("set ACL (does this tmpfs know ACLs?): %w", err)
		}
	}
	if e.Kind != Opaque {
		return nil
	}
	if err := unix.Lsetxattr(at, xattrOpaque, []byte("y"), 0); err != nil {
		return fmt.Errorf("make opaque (are we root, on a tmpfs with trusted xattrs?): %w", err)
	}
	return nil
}
