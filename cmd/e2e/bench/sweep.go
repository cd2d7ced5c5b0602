package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// namePrefix begins the names of everything of every run: namePrefix, the process id of the run, a hyphen.
const namePrefix = "bench-"

// floorGroups is the control group below which those of the floors' containers are.
const floorGroups = "sysctr-bench"

// sweepRun kills what is left of a run, its containers included, whoever started them, and removes their control groups. Idempotent.
func sweepRun(prefix string) error {
	return sweep(func(name string) bool { return strings.HasPrefix(name, prefix) })
}

// sweepDead does the same for runs whose process is gone, and removes their directories.
func sweepDead(dir string) error {
	errs := []error{sweep(dead)}
	states, err := filepath.Glob(filepath.Join(dir, namePrefix+"*-state"))
	changes, errChanges := filepath.Glob(changesDir + namePrefix + "*-host")
	errs = append(errs, err, errChanges)
	for _, state := range append(states, changes...) {
		if dead(filepath.Base(state)) {
			errs = append(errs, removeState(state))
		}
	}
	return errors.Join(errs...)
}

// sweep ends the processes first that could make more of what is then removed.
func sweep(chosen func(name string) bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(killProcesses(ctx, chosen), sweepGroups(ctx, chosen))
}

// dead says whether a name is of a run whose process has ended.
func dead(name string) bool {
	rest, ok := strings.CutPrefix(name, namePrefix)
	if !ok {
		return false
	}
	digits, _, ok := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(digits)
	return ok && err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}

// removeState removes a directory of a run. Nothing was ever mounted in it in this namespace, so no host filesystem is below.
func removeState(state string) error {
	if err := os.RemoveAll(state); err != nil {
		return fmt.Errorf("remove %s: %w", state, err)
	}
	return nil
}

// sweepGroups kills and removes the control groups of the containers that are chosen: sysctr's, the floors' and those that liblxc makes by
// itself. Monitors come first, since each reacts to the end of its container.
func sweepGroups(ctx context.Context, chosen func(container string) bool) error {
	layout, err := alive.ReadLayout()
	if err != nil {
		return err
	}
	var errs []error
	for _, above := range []string{
		"sysctr/mon/", "sysctr/c/", floorGroups + "/mon/", floorGroups + "/c/", "lxc.monitor.", "lxc.payload.",
	} {
		names, err := groupNames(layout, above)
		errs = append(errs, err)
		for _, name := range names {
			if chosen(name) {
				errs = append(errs, removeGroup(ctx, layout, above+name))
			}
		}
	}
	removeEmptyGroups(layout)
	return errors.Join(errs...)
}

// sweepContainers removes the containers of a run that others than sysctr have started.
func sweepContainers(ctx context.Context, prefix string) error {
	return sweepGroups(ctx, func(container string) bool { return strings.HasPrefix(container, prefix) })
}

// groupNames returns what follows above in the names of groups, in any hierarchy.
func groupNames(layout alive.Layout, above string) ([]string, error) {
	const some = "x"
	group, err := layout.At(above + some)
	if err != nil {
		return nil, err
	}
	mounts, names := layout.Mounts(), map[string]bool{}
	for key, path := range group {
		dir, start := filepath.Split(strings.TrimSuffix(path, some))
		entries, err := os.ReadDir(filepath.Join(mounts[key], dir))
		if err != nil {
			continue // nobody has made a group there
		}
		for _, e := range entries {
			if name, ok := strings.CutPrefix(e.Name(), start); ok && e.IsDir() {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

func removeGroup(ctx context.Context, layout alive.Layout, rel string) error {
	group, err := layout.At(rel)
	if err != nil {
		return err
	}
	tree, err := layout.Tree(group)
	if err != nil {
		return err
	}
	if err := tree.Kill(ctx); err != nil {
		return fmt.Errorf("kill what is in %s: %w", rel, err)
	}
	return tree.Remove(ctx)
}

// removeEmptyGroups removes the floors' own groups if no run uses them any more.
func removeEmptyGroups(layout alive.Layout) {
	for _, rel := range []string{"/c", "/mon", "/pivot", ""} {
		group, err := layout.At(floorGroups + rel)
		if err != nil {
			continue
		}
		for key, path := range group {
			_ = os.Remove(filepath.Join(layout.Mounts()[key], path)) // not there, or in use
		}
	}
}
