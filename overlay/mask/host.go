package mask

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxNames = 65536   // in one directory of the host
	maxFile  = 8 << 20 // of a file that is read
	maxXattr = 65536   // XATTR_SIZE_MAX
	maxHops  = 40      // symbolic links on one path, as the kernel's own limit
)

// host reads a file system below a root and keeps what it has seen as inputs. Every path is relative to the root and free of symbolic
// links on the way (place makes it so); the kernel refuses any other (RESOLVE_NO_SYMLINKS), so nothing outside the root is ever reached.
type host struct {
	fd     int
	now    time.Time
	nodes  map[string]node
	lists  map[string][]string
	placed map[string]string
	inputs map[string]Input
}

// node is what the kernel says of one inode; the zero node is a missing one.
type node struct {
	mode, uid, gid uint32
	dev, ino       uint64
	size           int64
	mtime, ctime   int64
}

func (n node) exists() bool    { return n.mode != 0 }
func (n node) isDir() bool     { return n.mode&unix.S_IFMT == unix.S_IFDIR }
func (n node) isLink() bool    { return n.mode&unix.S_IFMT == unix.S_IFLNK }
func (n node) isRegular() bool { return n.mode&unix.S_IFMT == unix.S_IFREG }

// open reports whether everybody may list and enter the directory.
func (n node) open() bool { return n.isDir() && n.mode&0o005 == 0o005 }

func openHost(root string) (*host, error) {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the host's root %s: %w", root, err)
	}
	return &host{
		fd: fd, now: time.Now(), nodes: map[string]node{}, lists: map[string][]string{},
		placed: map[string]string{".": "."}, inputs: map[string]Input{},
	}, nil
}

func (h *host) close() error { return unix.Close(h.fd) }

func openBelow(root int, p string, flags uint64) (int, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	for {
		fd, err := unix.Openat2(root, p, &how)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			return fd, err
		}
	}
}

func fstat(fd int) (node, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return node{}, err
	}
	return nodeOf(&st), nil
}

func nodeOf(st *unix.Stat_t) node {
	return node{
		mode: st.Mode, uid: st.Uid, gid: st.Gid, dev: st.Dev, ino: st.Ino, size: st.Size,
		mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(),
	}
}

// missing reports whether err says that there is nothing at a path; ELOOP comes from a link on the way, which place has resolved before.
func missing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}

// statBelow stats p without following it; a missing p is the zero node.
func statBelow(root int, p string) (node, error) {
	fd, err := openBelow(root, p, unix.O_PATH)
	if missing(err) {
		return node{}, nil
	}
	if err != nil {
		return node{}, &os.PathError{Op: "look at", Path: p, Err: err}
	}
	defer unix.Close(fd)
	return fstat(fd)
}

// stat returns the node at a placed path.
func (h *host) stat(p string) (node, error) {
	if n, ok := h.nodes[p]; ok {
		return n, nil
	}
	n, err := statBelow(h.fd, p)
	if err != nil {
		return node{}, err
	}
	h.nodes[p] = n
	h.note(p, n, 0, nil)
	return n, nil
}

// dir returns the directory at a placed path with its access ACL.
func (h *host) dir(p string) (node, []byte, error) {
	n, err := h.stat(p)
	if err != nil || !n.isDir() {
		return n, nil, err
	}
	acl, err := aclBelow(h.fd, p)
	if err != nil {
		return node{}, nil, err
	}
	h.note(p, n, withACL, acl)
	return n, acl, nil
}

// aclBelow reads system.posix_acl_access of the directory p; nil if it has none.
func aclBelow(root int, p string) ([]byte, error) {
	fd, err := openBelow(root, p, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: p, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 256)
	for {
		n, err := unix.Fgetxattr(fd, xattrACL, buf)
		switch {
		case err == nil:
			return slices.Clone(buf[:n]), nil
		case errors.Is(err, unix.ENODATA), errors.Is(err, unix.EOPNOTSUPP):
			return nil, nil
		case errors.Is(err, unix.ERANGE) && len(buf) < maxXattr:
			buf = make([]byte, maxXattr)
		default:
			return nil, &os.PathError{Op: "read the ACL of", Path: p, Err: err}
		}
	}
}

// list returns the names in the directory at a placed path, sorted; none if it is missing or not a directory.
func (h *host) list(p string) ([]string, error) {
	if names, ok := h.lists[p]; ok {
		return names, nil
	}
	if n, err := h.stat(p); err != nil || !n.isDir() {
		return nil, err
	}
	fd, err := openBelow(h.fd, p, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &os.PathError{Op: "list", Path: p, Err: err}
	}
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	// The stat comes first: what changes between it and the listing makes the input stale and never wrongly fresh.
	n, err := fstat(fd)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(maxNames + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > maxNames {
		return nil, fmt.Errorf("%w: /%s has more than %d entries", ErrHost, p, maxNames)
	}
	slices.Sort(names)
	h.lists[p] = names
	h.note(p, n, withContent, nil)
	return names, nil
}

// read returns the regular file at a placed path; limit is in bytes.
func (h *host) read(p string, limit int64) ([]byte, node, error) {
	fd, err := openBelow(h.fd, p, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, node{}, &os.PathError{Op: "read", Path: p, Err: err}
	}
	f := os.NewFile(uintptr(fd), p)
	defer f.Close()
	n, err := fstat(fd)
	if err != nil {
		return nil, node{}, err
	}
	if !n.isRegular() {
		return nil, node{}, fmt.Errorf("%w: /%s is not a regular file", ErrHost, p)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, node{}, err
	}
	if int64(len(data)) > limit {
		return nil, node{}, fmt.Errorf("%w: /%s is larger than %d bytes", ErrHost, p, limit)
	}
	h.nodes[p] = n
	h.note(p, n, withContent, nil)
	return data, n, nil
}

// place returns p with the links on the way to it resolved inside the root; p's last component is not followed. Where the way ends
// (missing, a loop, not a directory) the rest is appended as it is, and stat finds nothing there.
func (h *host) place(p string) (string, error) {
	if p == "." {
		return p, nil
	}
	if placed, ok := h.placed[parent(p)]; ok {
		return path.Join(placed, path.Base(p)), nil
	}
	placed, err := h.walk(parent(p))
	if err != nil {
		return "", err
	}
	h.placed[parent(p)] = placed
	return path.Join(placed, path.Base(p)), nil
}

// follow is place that follows the last component too.
func (h *host) follow(p string) (string, error) { return h.walk(p) }

func (h *host) walk(p string) (string, error) {
	at, rest := ".", strings.Split(p, "/")
	for hops := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." || name == ".." {
			if name == ".." {
				at = parent(at)
			}
			continue
		}
		next := path.Join(at, name)
		n, err := h.stat(next)
		if err != nil {
			return "", err
		}
		if !n.isLink() || hops == maxHops {
			at = next
			if !n.isDir() && len(rest) > 0 {
				return at + "/" + strings.Join(slices.DeleteFunc(rest, func(c string) bool { return c == "" || c == "." || c == ".." }), "/"), nil
			}
			continue
		}
		hops++
		target, err := h.readlink(next, n)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			at = "."
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at, nil
}

func (h *host) readlink(p string, n node) (string, error) {
	fd, err := openBelow(h.fd, p, unix.O_PATH)
	if err != nil {
		return "", &os.PathError{Op: "read link", Path: p, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	size, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", &os.PathError{Op: "read link", Path: p, Err: err}
	}
	h.note(p, n, withContent, nil)
	return string(buf[:size]), nil
}
