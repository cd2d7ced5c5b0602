package generation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	workers    = 2
	maxEntries = 20_000_000
)

// walker reads a tree with a few workers, each of which takes the next directory that is left.
type walker struct {
	root    int
	source  Source
	points  map[string]bool
	mu      sync.Mutex
	wake    *sync.Cond
	left    []*folder // directories that are not read yet
	open    int       // directories that are not read to their end
	failed  bool
	entries int // so far
	bytes   int // of their paths and targets
}

// folder is one directory while the tree is read.
type folder struct {
	path  string // "" for the root
	text  []byte // paths and targets of its entries
	items []item
}

type item struct {
	entry
	device uint64
	below  *folder // of a directory
}

// walk returns the index of all that is visible of the source. What vanishes meanwhile is not in it.
func walk(ctx context.Context, s Source) (*index, error) {
	root, err := unix.Open(s.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open the host's root", Path: s.Root, Err: err}
	}
	defer unix.Close(root)
	top := &folder{}
	w := &walker{root: root, source: s, points: map[string]bool{}, left: []*folder{top}, open: 1}
	w.wake = sync.NewCond(&w.mu)
	for _, p := range s.Points {
		w.points[path.Clean(p)] = true
	}
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error { return w.work(ctx) })
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("look at the host's files: %w", err)
	}
	return w.gather(top), nil
}

func (w *walker) work(ctx context.Context) error {
	buf := make([]byte, 1<<16)
	var done *folder
	for {
		next := w.next(done)
		if next == nil {
			return nil
		}
		err := ctx.Err()
		if err == nil {
			err = w.read(next, buf)
		}
		if err != nil {
			w.mu.Lock()
			w.failed = true
			w.wake.Broadcast()
			w.mu.Unlock()
			return err
		}
		done = next
	}
}

// next takes in the directory that was read and returns another one; nil if there will be none.
func (w *walker) next(done *folder) *folder {
	w.mu.Lock()
	defer w.mu.Unlock()
	if done != nil {
		w.open--
		for i := len(done.items) - 1; i >= 0; i-- {
			if below := done.items[i].below; below != nil {
				w.left = append(w.left, below)
				w.open++
			}
		}
		w.wake.Broadcast()
	}
	for len(w.left) == 0 && w.open > 0 && !w.failed {
		w.wake.Wait()
	}
	if len(w.left) == 0 || w.failed {
		return nil
	}
	last := len(w.left) - 1
	f := w.left[last]
	w.left = w.left[:last]
	return f
}

// read fills f from the directory on disk.
func (w *walker) read(f *folder, buf []byte) error {
	fd, err := unix.Openat2(w.root, strings.TrimPrefix(f.path+"/", "/")+".", &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	})
	if vanished(err) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: f.path + "/", Err: err}
	}
	defer unix.Close(fd)
	names, err := list(fd, buf)
	if err != nil {
		return &os.PathError{Op: "list", Path: f.path + "/", Err: err}
	}
	f.items = make([]item, 0, len(names))
	now := time.Now()
	for _, n := range names {
		if err := w.look(f, fd, n, now); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.entries += len(f.items)
	w.bytes += len(f.text)
	if w.entries > maxEntries || w.bytes > maxText {
		return fmt.Errorf("%d paths are visible, which is too much; hide what is no part of the system", w.entries)
	}
	return nil
}

// vanished says that a path is no longer there, or no longer what it was.
func vanished(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// list returns the names in a directory, sorted.
func list(fd int, buf []byte) ([]string, error) {
	var names []string
	for {
		n, err := unix.Getdents(fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			slices.Sort(names)
			return names, err
		}
		for rest := buf[:n]; len(rest) > 19; { // struct linux_dirent64, getdents(2)
			size := int(binary.NativeEndian.Uint16(rest[16:]))
			name := rest[19:size]
			name = name[:bytes.IndexByte(name, 0)]
			if s := string(name); s != "." && s != ".." {
				names = append(names, s)
			}
			rest = rest[size:]
		}
	}
}

// look adds the entry of one name to f if it is visible.
func (w *walker) look(f *folder, fd int, name string, now time.Time) error {
	var st unix.Statx_t
	err := unix.Statx(fd, name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	if vanished(err) {
		return nil
	}
	full := f.path + "/" + name
	if err != nil {
		return &os.PathError{Op: "look at", Path: full, Err: err}
	}
	kind := uint32(st.Mode) & unix.S_IFMT
	// What is mounted here and does not belong to the base is not what a container sees: it has the bare directory below.
	if st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 && !w.points[full] {
		return nil
	}
	if w.source.Visible != nil && !w.source.Visible(full, kind == unix.S_IFDIR) {
		return nil
	}
	i := item{device: unix.Mkdev(st.Dev_major, st.Dev_minor), entry: entry{mode: uint32(st.Mode), uid: st.Uid, gid: st.Gid, ino: st.Ino}}
	var target string
	switch kind {
	case unix.S_IFDIR:
		if st.Mode&unix.S_IXOTH != 0 { // what others cannot enter, no container can: its base is mounted with credentials that own nothing
			i.below = &folder{path: full}
		}
	case unix.S_IFLNK:
		if target, err = readlink(fd, name); vanished(err) {
			return nil
		}
		if err != nil {
			return &os.PathError{Op: "read link", Path: full, Err: err}
		}
	}
	switch {
	case kind != unix.S_IFDIR:
		i.size, i.ctime = st.Size, nanoseconds(st.Ctime)
		i.young = young(i.ctime, now)
	case st.Ctime != st.Mtime: // the last that happened to it was no change of what is in it, and may have been that it was moved
		i.ctime = nanoseconds(st.Ctime)
	}
	return f.add(i, full, target)
}

func nanoseconds(t unix.StatxTimestamp) int64 { return t.Sec*int64(time.Second) + int64(t.Nsec) }

// add appends an entry with its texts.
func (f *folder) add(i item, path, target string) error {
	if len(path) > math.MaxUint16 {
		return fmt.Errorf("the path %.80s... has %d bytes", path, len(path))
	}
	i.path, i.pathLen = uint32(len(f.text)), uint16(len(path))
	f.text = append(f.text, path...)
	i.target, i.targetLen = uint32(len(f.text)), uint16(len(target))
	f.text = append(f.text, target...)
	f.items = append(f.items, i)
	return nil
}

func readlink(fd int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(fd, name, buf[:])
	if errors.Is(err, unix.EINVAL) {
		err = unix.ENOENT // no link any more
	}
	return string(buf[:max(0, n)]), err
}

// gather makes one index of the directories.
func (w *walker) gather(top *folder) *index {
	x := &index{entries: make([]entry, 0, w.entries)}
	var text strings.Builder
	text.Grow(w.bytes)
	var add func(f *folder)
	add = func(f *folder) {
		base := uint32(text.Len())
		text.Write(f.text)
		for _, i := range f.items {
			e := i.entry
			e.path += base
			e.target += base
			e.dev = x.device(i.device)
			x.entries = append(x.entries, e)
			if i.below != nil {
				add(i.below)
			}
		}
	}
	add(top)
	x.text = text.String()
	return x
}

// device returns the number of a device, which are few.
func (x *index) device(dev uint64) uint16 {
	n := slices.Index(x.devs, dev)
	if n < 0 {
		n = len(x.devs)
		x.devs = append(x.devs, dev)
	}
	return uint16(n)
}
