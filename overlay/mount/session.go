package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
)

// ErrReadOnly says that a delta's filesystem has no room for what overlayfs makes there, or is broken.
var ErrReadOnly = errors.New("the kernel would let nothing be written to the delta; its log says why, most likely that there is no space left")

// Config says where a session works.
type Config struct {
	RunDir  string      // the tmpfs of the layers, /run/sysctr; every Mask, Common and Seed of a stack lies below it
	Mounter Credentials // of the inner overlays
}

// Session makes mounts for any number of containers. It belongs to one process in a mount namespace of its own (Isolate) and is safe for
// concurrent use.
type Session struct {
	config  Config
	creator *creator
	byPath  bool
}

// Open drops one thread to the mounter's credentials and keeps it. Close ends it.
func Open(c Config) (*Session, error) {
	cr, err := newCreator(c.Mounter)
	if err != nil {
		return nil, err
	}
	return &Session{config: c, creator: cr}, nil
}

// Close ends the session's thread. What was mounted stays.
func (s *Session) Close() { s.creator.close() }

// ByPath makes the session mount the older way, by attached paths (kernels before 6.13); layers must then have been written with shifted
// owners. Probe tells which way works.
func (s *Session) ByPath() { s.byPath = true }

// Request is one container's mounts.
type Request struct {
	Stacks []overlay.Stack // the root's first
	UserNS *os.File        // the user namespace to idmap to; nil for isolation: privileged
	At     string          // where to attach the root: an existing directory that the container's root user can reach
}

// Root is what Mount made. The inner overlays are kept open for the canary until Release.
type Root struct {
	At     string
	Device uint64 // st_dev of the mounted root: /proc/INIT/root must have it
	inners map[string]*os.File
}

// Mount makes the stacks and attaches them at r.At, parents before children. On error nothing stays mounted. See package overlay for the
// layers; the mount is without device files. It wraps ErrReadOnly, or ENOSPC, where the delta's filesystem is full.
func (s *Session) Mount(r Request) (*Root, error) {
	root := &Root{At: r.At, inners: map[string]*os.File{}}
	for _, stack := range r.Stacks {
		if err := s.mountStack(root, stack, r.UserNS); err != nil {
			return nil, errors.Join(fmt.Errorf("mount the layers of %s: %w", stack.Point, err), root.undo())
		}
	}
	var st unix.Stat_t
	if err := unix.Lstat(r.At, &st); err != nil {
		return nil, errors.Join(fmt.Errorf("look at the mounted root: %w", err), root.undo())
	}
	root.Device = st.Dev
	return root, nil
}

func (s *Session) mountStack(root *Root, stack overlay.Stack, userns *os.File) error {
	target := filepath.Join(root.At, stack.Point)
	way := s.mountDescriptors
	if s.byPath {
		way = s.mountPaths
	}
	if err := way(root, stack, userns, target); err != nil {
		return err
	}
	return writable(target)
}

// writable refuses a mount that the kernel has made read-only by itself: where overlayfs cannot make its working directory, it says so in the
// kernel's log only and mounts all the same.
func writable(target string) error {
	dir, err := os.OpenFile(target, unix.O_PATH|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("look at what was mounted: %w", err)
	}
	defer dir.Close()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &fs); err != nil {
		return fmt.Errorf("look at what was mounted: %w", err)
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return ErrReadOnly
	}
	return nil
}

// Inner returns a descriptor of the root directory of the inner overlay of the stack at point, for the canary; -1 where there is none. The
// descriptor is the root's and valid until Release.
func (r *Root) Inner(point string) int {
	inner, ok := r.inners[point]
	if !ok {
		return -1
	}
	return int(inner.Fd())
}

// Release closes the descriptors of the inner overlays. Call it before a process is forked that must not have them.
func (r *Root) Release() {
	for _, inner := range r.inners {
		_ = inner.Close() // the outer overlay keeps the inner alive; nothing is lost
	}
	r.inners = nil
}

// Close unmounts the root from the starter's namespace. A container that has started over it keeps it.
func (r *Root) Close() error {
	r.Release()
	return detach(r.At)
}

// undo takes back a half-made root.
func (r *Root) undo() error {
	mounted := len(r.inners) > 0
	r.Release()
	if !mounted {
		return nil
	}
	if err := detach(r.At); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: the root itself was not attached yet
		return err
	}
	return nil
}
