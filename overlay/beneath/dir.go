package beneath

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is an opened directory, below which everything is taken to be hostile.
type Dir struct {
	file *os.File
	path string // for errors
}

// Open opens the directory at path, which is trusted: symbolic links on the way are followed, only the last name must not be one. The
// caller closes it.
func Open(path string) (*Dir, error) {
	fd, err := retry(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return &Dir{file: os.NewFile(uintptr(fd), path), path: path}, nil
}

// From makes a Dir of an open directory, which may be one without a path, such as a detached mount, or one opened with O_PATH. It
// duplicates the descriptor: the caller still closes its own. The name of file is used in errors.
func From(file *os.File) (*Dir, error) {
	fd, err := openat2(int(file.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %q as a directory: %w", file.Name(), err)
	}
	return &Dir{file: os.NewFile(uintptr(fd), file.Name()), path: file.Name()}, nil
}

// Close ends the use of d. Directories that were opened from it stay open.
func (d *Dir) Close() error { return d.file.Close() }

// Sub opens the directory rel. The caller closes it. For what is no directory the error wraps ErrLink or unix.ENOTDIR.
func (d *Dir) Sub(rel string) (*Dir, error) {
	if err := check(rel); err != nil {
		return nil, err
	}
	fd, err := openat2(d.fd(), rel, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, unix.ENOTDIR) && d.isLink(rel) {
		err = unix.ELOOP
	}
	if err != nil {
		return nil, d.fail("open", rel, err)
	}
	return d.sub(fd, rel), nil
}

// sub makes a Dir of a descriptor that was opened below d.
func (d *Dir) sub(fd int, rel string) *Dir {
	path := d.path
	if rel != "." && len(path) < 2*shown { // paths are for errors, and a tree can be deep
		path = strings.TrimSuffix(path, "/") + "/" + rel
	}
	return &Dir{file: os.NewFile(uintptr(fd), path), path: path}
}

func (d *Dir) fd() int { return int(d.file.Fd()) }

// isLink tells a link from other things that are no directory, for the error's sake only.
func (d *Dir) isLink(rel string) bool {
	info, err := d.Lstat(rel)
	return err == nil && info.Mode&unix.S_IFMT == unix.S_IFLNK
}

// openat2 opens rel below the directory dir and never anything else.
func openat2(dir int, rel string, flags, mode uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Mode:    mode,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	}
	return retry(func() (int, error) { return unix.Openat2(dir, rel, &how) })
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// parent opens the directory that has rel and returns it with the last name. done closes what was opened.
func (d *Dir) parent(rel string) (dir int, name string, done func(), err error) {
	if err := check(rel); err != nil {
		return -1, "", nil, err
	}
	if rel == "." {
		return -1, "", nil, fmt.Errorf("%w: %q has no name of its own here", ErrName, rel)
	}
	at := strings.LastIndexByte(rel, '/')
	if at < 0 {
		return d.fd(), rel, func() {}, nil
	}
	above, err := d.Sub(rel[:at])
	if err != nil {
		return -1, "", nil, err
	}
	return above.fd(), rel[at+1:], func() { _ = above.Close() }, nil
}

// Check returns an error that wraps ErrName if rel is not "." or a sequence of names joined by single slashes, none of which is empty, "."
// or "..", all without NUL.
func Check(rel string) error { return check(rel) }

func check(rel string) error {
	if rel == "." {
		return nil
	}
	if strings.IndexByte(rel, 0) >= 0 {
		return fmt.Errorf("%w: a NUL byte is in it", ErrName)
	}
	for name := range strings.SplitSeq(rel, "/") {
		if name == "" || name == "." || name == ".." {
			return fmt.Errorf("%w: %.200q", ErrName, rel)
		}
	}
	return nil
}

// handle is an entry opened with O_PATH: it stands for the entry, whatever its name means meanwhile, and has no side effect on it.
type handle int

func (d *Dir) handle(rel string) (handle, error) {
	if err := check(rel); err != nil {
		return -1, err
	}
	fd, err := openat2(d.fd(), rel, unix.O_PATH|unix.O_NOFOLLOW, 0)
	return handle(fd), err
}

// proc is a path of the entry itself, also if it is a symbolic link: what cannot be done to an O_PATH descriptor can be done to this.
// thread-self, because a thread can have descriptors of its own.
func (h handle) proc() string { return fmt.Sprintf("/proc/thread-self/fd/%d", int(h)) }

func (h handle) stat() (info Info, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(h), &st); err != nil {
		return Info{}, err
	}
	return infoOf(&st), nil
}

func (h handle) close() { _ = unix.Close(int(h)) }
