package alive

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxGroups bounds a walk. The kernel's own bound (cgroup.max.descendants) is usually none.
const maxGroups = 1 << 20

// walk goes through a group and all groups below with one open directory at a time: neither the depth nor the length of a path counts. A
// group that goes away meanwhile is left out.
type walk struct {
	// enter is called for each group before those below it.
	enter func(dir *os.File) error
	// leave is called for each group but the first, after those below it, with the open directory above and its name there.
	leave func(parent *os.File, name string) error
}

type step struct {
	name string   // of the group, in the one above
	left []string // groups in it that were not visited yet
}

// run walks through dir, which stays open and the caller's.
func (w walk) run(dir *os.File) error {
	current, err := reopen(dir, ".")
	if err != nil {
		return err
	}
	defer func() { current.Close() }()
	first, err := w.visit(current, "")
	if err != nil {
		return err
	}
	steps := []step{first}
	for visited := 1; len(steps) > 0; {
		top := &steps[len(steps)-1]
		next, pushed, err := w.advance(current, top)
		if err != nil {
			return err
		}
		if pushed != nil {
			if visited++; visited > maxGroups {
				return errors.Join(fmt.Errorf("cgroup %s has more than %d groups below it", dir.Name(), maxGroups), next.Close())
			}
			steps = append(steps, *pushed)
		} else {
			steps = steps[:len(steps)-1]
		}
		if next != nil {
			current.Close()
			current = next
		}
	}
	return nil
}

// advance goes one step down, to the next group that is left, or else up. It returns the directory it arrived at, and what is to do there
// if it went down.
func (w walk) advance(current *os.File, top *step) (*os.File, *step, error) {
	for len(top.left) > 0 {
		name := top.left[len(top.left)-1]
		top.left = top.left[:len(top.left)-1]
		child, err := reopen(current, name)
		if ignorable(err) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		pushed, err := w.visit(child, name)
		if err != nil {
			return nil, nil, errors.Join(err, child.Close())
		}
		return child, &pushed, nil
	}
	if top.name == "" {
		return nil, nil, nil
	}
	// A cgroup cannot be moved to another parent, so ".." is where the walk came from.
	parent, err := reopen(current, "..")
	if err != nil {
		return nil, nil, err
	}
	if w.leave != nil {
		err = w.leave(parent, top.name)
	}
	if err != nil {
		return nil, nil, errors.Join(err, parent.Close())
	}
	return parent, nil, nil
}

func (w walk) visit(dir *os.File, name string) (step, error) {
	if w.enter != nil {
		if err := w.enter(dir); err != nil {
			return step{}, err
		}
	}
	left, err := groupsIn(dir)
	return step{name: name, left: left}, err
}

// groupsIn returns the names of the groups right below dir.
func groupsIn(dir *os.File) ([]string, error) {
	var info unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &info); err != nil {
		return nil, fmt.Errorf("look at cgroup %s: %w", dir.Name(), err)
	}
	if info.Nlink == 2 { // cgroup directories count those in them: the usual case needs no listing
		return nil, nil
	}
	entries, err := dir.ReadDir(-1)
	if err != nil && !ignorable(err) {
		return nil, fmt.Errorf("list cgroup %s: %w", dir.Name(), err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// reopen opens name in an open group as a directory.
func reopen(dir *os.File, name string) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open cgroup %s in %s: %w", name, dir.Name(), err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
