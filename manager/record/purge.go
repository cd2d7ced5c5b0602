package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// batchSize is how many names of a directory are held at once, so that a directory with millions of them costs no memory.
const batchSize = 512

// level is one open or remembered directory on the way from the root of the tree to where the removal is.
type level struct {
	name     string // in the directory above
	dev, ino uint64
	left     []string // names read and not removed yet
}

// remover removes one tree. Only the directory it is in is open, and every name is taken relative to that: no path is ever resolved, so
// that its length does not count and nothing outside can be reached.
type remover struct {
	levels  []level
	current *os.File
	last    string // name in the first directory that goes after all others
}

// removeTree removes name in the open directory parent with all that is in it. If it is a directory, the entry called last in it goes after
// all others. It is no error if there is nothing. On an error the rest stays.
func removeTree(parent *os.File, name, last string) error {
	isDir, err := unlink(parent, name)
	if err != nil || !isDir {
		return err
	}
	r := remover{last: last}
	if err := r.down(parent, name); err != nil {
		return skipMissing(err)
	}
	defer func() { r.current.Close() }()
	for len(r.levels) > 1 || !r.empty() {
		if err := r.step(); err != nil {
			return err
		}
	}
	return skipMissing(r.describe(name, unix.Unlinkat(int(parent.Fd()), name, unix.AT_REMOVEDIR)))
}

// step removes one name, or goes one directory down or up.
func (r *remover) step() error {
	if r.empty() {
		return r.up()
	}
	top := &r.levels[len(r.levels)-1]
	name := top.left[len(top.left)-1]
	top.left = top.left[:len(top.left)-1]
	isDir, err := unlink(r.current, name)
	if err != nil || !isDir {
		return r.describe(name, err)
	}
	err = unix.Unlinkat(int(r.current.Fd()), name, unix.AT_REMOVEDIR)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) || errors.Is(err, unix.EBUSY) {
		return skipMissing(r.down(r.current, name)) // EBUSY: it is a mount point, and opening it will say so
	}
	return skipMissing(r.describe(name, err))
}

// empty reports whether nothing is left in the current directory, after reading on if need be.
func (r *remover) empty() bool {
	top := &r.levels[len(r.levels)-1]
	if len(top.left) > 0 {
		return false
	}
	if _, err := r.current.Seek(0, io.SeekStart); err != nil {
		return true // the rmdir that follows says what is wrong
	}
	top.left, _ = r.current.Readdirnames(batchSize)
	if len(r.levels) == 1 {
		r.postpone(top)
	}
	return len(top.left) == 0
}

// postpone takes the name that goes last out of the first directory's names, unless it is alone.
func (r *remover) postpone(top *level) {
	kept := make([]string, 0, len(top.left))
	for _, name := range top.left {
		if name != r.last {
			kept = append(kept, name)
		}
	}
	if len(kept) > 0 {
		top.left = kept
	}
}

// down makes the directory name in dir the current one. It crosses neither a mount point nor a link: the kernel checks both while it opens.
func (r *remover) down(dir *os.File, name string) error {
	fd, err := unix.Openat2(int(dir.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.EXDEV) {
		return fmt.Errorf("remove %s: %w; unmount it", r.path(name), ErrMounted)
	}
	if err != nil {
		return r.describe(name, err)
	}
	return r.enter(os.NewFile(uintptr(fd), name), name)
}

func (r *remover) enter(dir *os.File, name string) error {
	var info unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &info); err != nil {
		return errors.Join(r.describe(name, err), dir.Close())
	}
	if r.current != nil {
		r.current.Close()
	}
	r.current = dir
	r.levels = append(r.levels, level{name: name, dev: info.Dev, ino: info.Ino})
	return nil
}

// up goes back to the directory above and removes the one it came from.
func (r *remover) up() error {
	from, to := r.levels[len(r.levels)-1], r.levels[len(r.levels)-2]
	fd, err := unix.Openat2(int(r.current.Fd()), "..", &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return r.describe("..", err)
	}
	r.levels = r.levels[:len(r.levels)-1]
	r.current.Close()
	r.current = os.NewFile(uintptr(fd), "..")
	var info unix.Stat_t
	if err := unix.Fstat(fd, &info); err != nil {
		return r.describe(from.name, err)
	}
	if info.Dev != to.dev || info.Ino != to.ino {
		return fmt.Errorf("remove %s: somebody moved it meanwhile", r.path(from.name))
	}
	return skipMissing(r.describe(from.name, unix.Unlinkat(fd, from.name, unix.AT_REMOVEDIR)))
}

// describe adds to an error what it is about and, where there is one, the remedy.
func (r *remover) describe(name string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("remove %s: %w; unmount it", r.path(name), ErrMounted)
	}
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("remove %s: %w; is it, or its directory, immutable? (lsattr -d, chattr -i -a)", r.path(name), err)
	}
	return fmt.Errorf("remove %s: %w", r.path(name), err)
}

// path is for the reader of an error: the names on the way, cut short in the middle.
func (r *remover) path(name string) string {
	names := make([]string, 0, 8)
	for i, l := range r.levels {
		if i < 3 || i >= len(r.levels)-3 {
			names = append(names, l.name)
		} else if i == 3 {
			names = append(names, "…")
		}
	}
	return fmt.Sprintf("%q", strings.Join(append(names, name), "/"))
}

// unlink removes a name that is no directory, and reports whether it is one.
func unlink(dir *os.File, name string) (isDir bool, err error) {
	err = unix.Unlinkat(int(dir.Fd()), name, 0)
	if errors.Is(err, unix.EISDIR) {
		return true, nil
	}
	return false, skipMissing(err)
}

// skipMissing turns the error for what is not there any more into none.
func skipMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
