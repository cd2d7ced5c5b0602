package transfer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Unpack makes the members of a stream below the directory. What is there already is replaced, but a directory only by itself. On an error
// what was made stays. It takes modes with the process's umask, unless Archive.
func Unpack(top *os.Root, stream io.Reader, o Options) (Report, error) {
	u := unpacker{top: top, Options: o.fill()}
	err := u.all(tar.NewReader(stream))
	return u.report, err
}

// UnpackFile makes the one file that the stream has as name in the directory, whatever the stream calls it.
func UnpackFile(dir *os.Root, name string, stream io.Reader, o Options) (Report, error) {
	u := unpacker{top: dir, Options: o.fill()}
	in := tar.NewReader(stream)
	h, err := in.Next()
	if err != nil {
		return u.report, fmt.Errorf("read the archive: %w", unexpected(err))
	}
	if h.Typeflag != tar.TypeReg {
		return u.report, fmt.Errorf("%w: a single file was expected", ErrUnsafe)
	}
	return u.report, u.regular(dir, name, h, in)
}

// Content copies the content of the one file that the stream has.
func Content(to io.Writer, stream io.Reader, o Options) error {
	in := tar.NewReader(stream)
	h, err := in.Next()
	if err != nil {
		return fmt.Errorf("read the archive: %w", unexpected(err))
	}
	if h.Typeflag != tar.TypeReg {
		return fmt.Errorf("%w: a single file was expected", ErrUnsafe)
	}
	return Raw(to, in, o)
}

// Raw copies a stream as it is, with an error that wraps ErrTooLarge where it is longer than the options' Bytes.
func Raw(to io.Writer, stream io.Reader, o Options) error {
	most := o.fill().Bytes
	if n, err := io.Copy(to, io.LimitReader(stream, most)); err != nil || n < most {
		return err
	}
	switch n, err := io.CopyN(io.Discard, stream, 1); {
	case n > 0:
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, most)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

type unpacker struct {
	Options
	top    *os.Root
	report Report
}

func (u *unpacker) all(in *tar.Reader) error {
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if u.report.Members++; u.report.Members > u.Members {
			return fmt.Errorf("%w of %d members", ErrTooLarge, u.Members)
		}
		if err := u.member(h, in); err != nil {
			return fmt.Errorf("unpack %.200q: %w", h.Name, err)
		}
	}
}

// member makes one member in its directory, which is opened without ever leaving the top.
func (u *unpacker) member(h *tar.Header, in io.Reader) error {
	rel, err := clean(h.Name)
	if err != nil {
		return err
	}
	if rel == "." {
		return u.itself(h)
	}
	dir, err := u.top.OpenRoot(path.Dir(rel))
	if err != nil {
		return err
	}
	defer dir.Close()
	name := path.Base(rel)
	switch h.Typeflag {
	case tar.TypeDir:
		return u.directory(dir, name, h)
	case tar.TypeReg, tar.TypeGNUSparse:
		return u.regular(dir, name, h, in)
	case tar.TypeSymlink:
		return u.symlink(dir, name, h)
	case tar.TypeLink:
		return u.hardLink(dir, name, h)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		u.report.skip(rel)
		return nil
	}
}

// clean returns the path of a member relative to the top. GNU tar writes "./a/b" and "./d/". That a path stays below the top the kernel is asked
// too (os.Root); a stream that tries is not honest, so all of it is refused.
func clean(name string) (string, error) {
	rel := path.Clean(name)
	switch {
	case name == "" || strings.ContainsRune(name, 0):
		return "", fmt.Errorf("%w: a member has no usable name", ErrUnsafe)
	case len(name) > maxPath || strings.Count(rel, "/") >= maxDepth:
		return "", fmt.Errorf("%w: the path is too long or too deep", ErrUnsafe)
	case path.IsAbs(name) || slices.Contains(strings.Split(name, "/"), ".."):
		return "", fmt.Errorf("%w: the path leads out", ErrUnsafe)
	}
	return rel, nil
}

// itself takes what the stream says of the top: it is there already, and only Archive gives it more than its tree.
func (u *unpacker) itself(h *tar.Header) error {
	if h.Typeflag != tar.TypeDir || !u.Archive {
		return nil
	}
	f, err := descriptor(u.top)
	if err != nil {
		return err
	}
	return errors.Join(u.dress(f, h), f.Close())
}

func (u *unpacker) directory(dir *os.Root, name string, h *tar.Header) error {
	err := dir.Mkdir(name, u.permissions(h.FileInfo().Mode())&fs.ModePerm|0o700)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := dir.Lstat(name)
		if statErr == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	if !u.Archive {
		return nil
	}
	d, err := descriptor(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	fd, err := unix.Openat(int(d.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0) // os.Root would follow a link
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), name)
	return errors.Join(u.dress(f, h), f.Close())
}

func (u *unpacker) regular(dir *os.Root, name string, h *tar.Header, in io.Reader) error {
	if h.Size > u.Bytes-u.report.Bytes {
		return fmt.Errorf("%w of %d bytes", ErrTooLarge, u.Bytes)
	}
	if err := vacate(dir, name); err != nil {
		return err
	}
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, u.permissions(h.FileInfo().Mode())&fs.ModePerm)
	if err != nil {
		return err
	}
	n, err := io.CopyN(f, in, h.Size)
	u.report.Bytes += n
	if err == nil && u.Archive {
		err = u.dress(f, h)
	}
	return errors.Join(unexpected(err), f.Close())
}

// vacate takes away what has the name, unless it is a directory.
func vacate(dir *os.Root, name string) error {
	info, err := dir.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("a directory is there")
	}
	return dir.Remove(name)
}

// dress gives an open file the owner, mode and time of the member.
func (u *unpacker) dress(f *os.File, h *tar.Header) error {
	fd := int(f.Fd())
	at := unix.NsecToTimespec(h.ModTime.UnixNano())
	if h.ModTime.Before(time.Unix(0, 0)) || h.ModTime.Year() > 2200 { // no file has it, and nanoseconds do not hold it
		at = unix.Timespec{}
	}
	return errors.Join(f.Chown(h.Uid, h.Gid), f.Chmod(u.permissions(h.FileInfo().Mode())), // in this order: a new owner takes setuid away
		unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), []unix.Timespec{at, at}, 0))
}

// symlink makes a link with whatever target: nothing here follows it out of the top.
func (u *unpacker) symlink(dir *os.Root, name string, h *tar.Header) error {
	if h.Linkname == "" || len(h.Linkname) >= maxPath || strings.ContainsRune(h.Linkname, 0) {
		return fmt.Errorf("%w: a link has no usable target", ErrUnsafe)
	}
	if err := vacate(dir, name); err != nil {
		return err
	}
	d, err := descriptor(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Symlinkat(h.Linkname, int(d.Fd()), name); err != nil {
		return fmt.Errorf("make the link: %w", err)
	}
	if u.Archive {
		return unix.Fchownat(int(d.Fd()), name, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW)
	}
	return nil
}

// hardLink gives a regular file below the top another name.
func (u *unpacker) hardLink(dir *os.Root, name string, h *tar.Header) error {
	old, err := clean(h.Linkname)
	if err != nil {
		return err
	}
	from, err := u.top.OpenRoot(path.Dir(old))
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Lstat(path.Base(old))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: a link to what is no file", ErrUnsafe)
	}
	if there, err := dir.Lstat(name); err == nil && os.SameFile(there, info) {
		return nil
	}
	if err := vacate(dir, name); err != nil {
		return err
	}
	a, err := descriptor(from)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := descriptor(dir)
	if err != nil {
		return err
	}
	defer b.Close()
	return unix.Linkat(int(a.Fd()), path.Base(old), int(b.Fd()), name, 0)
}
