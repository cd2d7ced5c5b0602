package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// statFlags ask for no answer of a remote or user-space server: what the kernel knows is enough, and does not block.
const statFlags = unix.AT_STATX_DONT_SYNC | unix.AT_NO_AUTOMOUNT

// lookUp looks up path in the directory tree root as a process with this root would, without the last link, and says what it is. It passes
// the open entry (O_PATH, so nothing was touched) to use, which may be nil.
func lookUp(root int, path string, resolve uint64, use func(fd int, st *unix.Statx_t) error) (st unix.Statx_t, err error) {
	how := unix.OpenHow{
		Flags: unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | resolve,
	}
	fd := -1
	for range 20 { // EAGAIN: something was renamed while a ".." was resolved
		fd, err = unix.Openat2(root, path, &how)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|statFlags, unix.STATX_BASIC_STATS, &st); err != nil {
		return st, err
	}
	if use != nil {
		err = use(fd, &st)
	}
	return st, err
}

// errHidden says that something is mounted in the container where the host has a file.
var errHidden = errors.New("a filesystem that is mounted in the container hides it")

// answer looks a changed path up through the root of a container and returns what is not as on the host, nil if all is.
func (w *world) answer(root int, ids Range, c *Changed) *Finding {
	detail := ""
	compare := func(fd int, st *unix.Statx_t) (err error) {
		detail, err = c.compare(fd, st, ids)
		return err
	}
	st, err := lookUp(root, c.Path, unix.RESOLVE_NO_XDEV, compare)
	if errors.Is(err, unix.EXDEV) {
		st, err = w.answerAcross(root, c, compare)
	}
	f := &Finding{Kind: Answers, Path: c.Path, Package: c.Package, HostIno: c.Now.Ino, SeenIno: st.Ino, Detail: detail}
	switch absent := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR); {
	case absent && !c.Now.Exists:
		return nil
	case absent:
		f.Kind = Missing
	case err != nil:
		f.Detail = err.Error()
	case !c.Now.Exists:
		f.Kind, f.Detail = Lingers, ""
	case detail == "":
		return nil
	}
	return f
}

// answerAcross looks up what lies behind a mount point. That is as it must be only where the host, too, has the path on a filesystem of its
// own; what a container mounts over the base is nobody's business but its own, and may be a FUSE filesystem.
func (w *world) answerAcross(root int, c *Changed, compare func(int, *unix.Statx_t) error) (unix.Statx_t, error) {
	dev := c.Now.Dev
	if !c.Now.Exists {
		dev = c.OldDev
	}
	if dev == w.hostDev {
		return unix.Statx_t{}, errHidden
	}
	return lookUp(root, c.Path, 0, func(fd int, st *unix.Statx_t) error {
		if err := isOverlay(fd); err != nil {
			return err
		}
		return compare(fd, st)
	})
}

func isOverlay(fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return err
	}
	if fs.Type != unix.OVERLAYFS_SUPER_MAGIC {
		return errHidden
	}
	return nil
}

// compare says how the open entry, which is what a container has at the path, differs from what the host has; "" if a process cannot tell
// them apart. The error is one of the container's file.
func (c *Changed) compare(fd int, st *unix.Statx_t, ids Range) (string, error) {
	if !c.Now.Exists {
		return "", nil
	}
	if kind := uint32(st.Mode) & unix.S_IFMT; kind != c.Now.Type {
		return "of another type than the host's", nil
	}
	if detail := c.compareRights(st, ids); detail != "" {
		return detail, nil
	}
	switch c.Now.Type {
	case unix.S_IFREG:
		return c.compareContent(fd, st)
	case unix.S_IFLNK:
		target := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(fd, "", target)
		if err == nil && string(target[:n]) != c.Now.Target {
			return fmt.Sprintf("leads to %.200q, the host's to %.200q", target[:n], c.Now.Target), nil
		}
		return "", err
	}
	return "", nil // directories are looked up name by name; the rest has no content
}

// compareRights compares mode and owner where the host changed them. What the container changed for itself is its own affair.
func (c *Changed) compareRights(st *unix.Statx_t, ids Range) string {
	now := c.Now
	if c.Old && c.OldMode == now.Mode && c.OldUID == now.UID && c.OldGID == now.GID {
		return ""
	}
	if now.Type == unix.S_IFLNK || (now.Type == unix.S_IFDIR && !c.Old) {
		return ""
	}
	if c.inPlace() {
		// An overlay keeps the mode it has read: a set-user-id bit that the host takes away still counts inside, whatever stat says there.
		return "mode or owner were changed in place, which a running container does not notice"
	}
	if mode := uint32(st.Mode) & 0o7777; mode != now.Mode {
		return fmt.Sprintf("of mode %#o, the host's has %#o", mode, now.Mode)
	}
	if st.Uid != ids.shift(now.UID) || st.Gid != ids.shift(now.GID) {
		return fmt.Sprintf("of %d:%d, the host's %d:%d would be %d:%d", st.Uid, st.Gid, now.UID, now.GID, ids.shift(now.UID), ids.shift(now.GID))
	}
	return ""
}

// overflowID stands for ids that have no counterpart (/proc/sys/kernel/overflowuid).
const overflowID = 65534

func (r Range) shift(id uint32) uint32 {
	switch {
	case r.Size == 0:
		return id
	case id < r.Size:
		return r.Start + id
	}
	return overflowID
}

// maxCompared bounds the bytes of one file that are compared.
const maxCompared = 256 << 20

// compareContent says whether a regular file has other bytes than the host's.
func (c *Changed) compareContent(fd int, st *unix.Statx_t) (string, error) {
	same := st.Ino == c.Now.Ino && st.Size == c.Now.Size
	if same && st.Ctime.Sec == c.Now.Ctime.Unix() && int(st.Ctime.Nsec) == c.Now.Ctime.Nanosecond() {
		return "", nil // the very file, and nobody has touched it since the host was looked at
	}
	if st.Size != c.Now.Size {
		return fmt.Sprintf("%d bytes long, the host's %d", st.Size, c.Now.Size), nil
	}
	if st.Size > maxCompared {
		return "another file, and too long to compare", nil
	}
	inside, err := os.OpenFile("/proc/thread-self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EACCES) && c.Now.Mode&0o004 == 0 {
		return "", nil // nobody can open either of them through the base
	}
	if err != nil {
		return "", err
	}
	defer inside.Close()
	host, err := c.openHost()
	if err != nil {
		return "the host's file cannot be compared: " + err.Error(), nil
	}
	defer host.Close()
	return sameBytes(inside, host)
}

// openHost opens the host's file, if it still is the one that was looked at.
func (c *Changed) openHost() (*os.File, error) {
	host, err := os.OpenFile(c.Now.Path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err = unix.Fstat(int(host.Fd()), &st); err == nil && (st.Ino != c.Now.Ino || st.Dev != c.Now.Dev) {
		err = errors.New("it changes at this moment")
	}
	if err != nil {
		_ = host.Close()
		return nil, err
	}
	return host, nil
}

// sameBytes compares what is left of two files.
func sameBytes(inside, host io.Reader) (string, error) {
	a, b := make([]byte, 64<<10), make([]byte, 64<<10)
	for read := 0; ; {
		n, err := io.ReadFull(inside, a)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return "", err
		}
		m, hostErr := io.ReadFull(host, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return "of other content than the host's", nil
		}
		if read += n; err != nil || hostErr != nil || read > maxCompared {
			return "", nil //nolint:nilerr // err is the end of the file here
		}
	}
}
