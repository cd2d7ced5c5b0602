package alive

import (
	"errors"
	"fmt"
	"os"
	"path"
)

// Home is where a process was in every hierarchy, for the way back.
type Home struct {
	layout Layout
	own    Group // relative to the mounts; the root of a hierarchy is "/"
}

// Home returns where the calling process is now.
func (l Layout) Home() (Home, error) {
	own, err := l.of(os.Getpid())
	return Home{layout: l, own: own}, err
}

// Return moves the calling process, all threads of it, back in every hierarchy in which it is elsewhere by now. It tries all of them. It fails
// where cgroup v2 allows no processes any more, because the group has given its controllers to groups below (cgroups(7), "no internal processes").
func (h Home) Return() error {
	now, err := h.layout.of(os.Getpid())
	if err != nil {
		return err
	}
	var errs []error
	for _, hierarchy := range h.layout.hierarchies {
		home, ok := h.own[hierarchy.key]
		if !ok || now[hierarchy.key] == home {
			continue
		}
		file := path.Join(hierarchy.mount, home, "cgroup.procs")
		if err := os.WriteFile(file, []byte("0"), 0); err != nil { // 0 is whoever writes
			errs = append(errs, fmt.Errorf("move back to the cgroup %s: %w", path.Dir(file), err))
		}
	}
	return errors.Join(errs...)
}
