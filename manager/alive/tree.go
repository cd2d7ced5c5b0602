package alive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a Group in its place on a Layout, with everything below it. It holds no descriptors; every operation looks anew.
type Tree struct {
	layout   Layout
	branches []branch // sorted by hierarchy
}

// branch is the part of a Tree in one hierarchy.
type branch struct {
	hierarchy
	path string // relative to the mount, absolute, never "/"
}

// Tree places a group on the layout. Hierarchies of the group that are not mounted are left out, as nothing can be in them that could be
// reached. It returns ErrGroup for an unusable group, one without any mounted hierarchy included.
func (l Layout) Tree(g Group) (Tree, error) {
	if err := g.Check(); err != nil {
		return Tree{}, err
	}
	t := Tree{layout: l}
	for _, h := range l.hierarchies {
		if name, ok := g[h.key]; ok {
			t.branches = append(t.branches, branch{hierarchy: h, path: name})
		}
	}
	if len(t.branches) == 0 {
		return Tree{}, fmt.Errorf("%w: none of its %d hierarchies is mounted", ErrGroup, len(g))
	}
	return t, nil
}

// Exists reports whether the group is there in any hierarchy.
func (t Tree) Exists() (bool, error) {
	for _, b := range t.branches {
		var info unix.Stat_t
		if unix.Lstat(b.where(), &info) == unix.ENOENT { // one call instead of three for what is the answer before every start
			continue
		}
		dir, err := b.open()
		if err == nil {
			return true, dir.Close()
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	return false, nil
}

// Processes returns the ids of all processes in the group and below, rising, each once. Those in a pid namespace that the caller does not
// see have no id and are left out. A group that does not exist has none.
func (t Tree) Processes() ([]int, error) {
	var pids []int
	for _, b := range t.branches {
		found, err := b.processes()
		if err != nil {
			return nil, err
		}
		pids = append(pids, found...)
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// processes lists the branch alone; ids may repeat.
func (b branch) processes() ([]int, error) {
	var pids []int
	err := b.each(func(dir *os.File) error {
		content, err := readAt(dir, "cgroup.procs")
		if ignorable(err) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list processes of cgroup %s: %w", b.where(), err)
		}
		pids = append(pids, parsePids(content)...)
		return nil
	})
	return pids, err
}

// each calls visit for the group of the branch and every group below, perhaps more than once. A branch that does not exist has none.
func (b branch) each(visit func(dir *os.File) error) error {
	var failed error
	for range 3 { // groups that are removed under our feet can take the way back with them: then from the top again
		dir, err := b.open()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if failed = errors.Join(walk{enter: visit}.run(dir), dir.Close()); !ignorable(failed) {
			return failed
		}
	}
	return failed
}

// open opens the directory of the branch, without leaving its mount.
func (b branch) open() (*os.File, error) { return b.openPath(b.path) }

func (b branch) openPath(name string) (*os.File, error) {
	mount, err := unix.Open(b.mount, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup mount %s: %w", b.mount, err)
	}
	defer unix.Close(mount)
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := unix.Openat2(mount, "."+name, &how)
	if errors.Is(err, unix.ENODEV) {
		err = unix.ENOENT // the group went away while it was opened
	}
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s: %w", path.Join(b.mount, name), err)
	}
	return os.NewFile(uintptr(fd), path.Join(b.mount, name)), nil
}

func (b branch) where() string { return path.Join(b.mount, b.path) }

// unified reports whether the branch is one of version 2.
func (b branch) unified() bool { return b.key == "" }

// has reports whether a version 1 branch has the controller.
func (b branch) has(controller string) bool {
	return slices.Contains(strings.Split(b.key, ","), controller)
}

// readAt reads a whole file of an open group. The longest, a list of all processes there can be, is 32 MiB.
func readAt(dir *os.File, name string) ([]byte, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), name)
	content, err := io.ReadAll(io.LimitReader(file, 32<<20))
	return content, errors.Join(err, file.Close())
}

// writeAt writes value to a file of an open group with one write, as cgroup files want it.
func writeAt(dir *os.File, name, value string) error {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	return errors.Join(err, unix.Close(fd))
}

// ignorable reports whether a group was removed under our hands, or is a threaded one of version 2: the processes of those are listed
// where their domain begins.
func ignorable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP)
}

// parsePids reads a list of process ids, one in a line. Zero is a process of a namespace that the reader does not see.
func parsePids(content []byte) []int {
	var pids []int
	for line := range bytes.Lines(content) {
		pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
		if err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}
