package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// ErrRunning says that a container which was to be started or swept is alive.
var ErrRunning = errors.New("the container is running")

// Sweep removes what a start that ended somehow has left: its monitor, its control groups, its generated files. It returns ErrRunning and
// touches nothing when the container's init is alive. A damaged liveness file says nothing of processes: then it does what Kill does. Idempotent;
// the caller holds the World lock.
//
// It matters before every start: with fixed group names one leftover directory makes each later start fail, and 1 to 3 of 100 immediate
// restarts find one.
func (h Host) Sweep(ctx context.Context, name string) error {
	live, err := h.Live.Load(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, record.ErrDamaged):
		return h.killByName(ctx, name, err)
	case err != nil:
		return err
	case live.Init.Alive():
		return ErrRunning
	}
	return h.sweep(ctx, name, live)
}

// Kill ends a container at once, whatever state it is in: init and monitor by pidfd, then everything left in its control groups. It waits
// until all of it is gone and sweeps. It works on frozen containers and on ones whose monitor is stopped. Idempotent. Where nothing usable is
// known of the container's processes and it has a monitor that is not where a batch's would be, it returns why that cannot be used.
func (h Host) Kill(ctx context.Context, name string) error {
	live, err := h.Live.Load(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, record.ErrFormat), errors.Is(err, record.ErrDamaged):
		return h.killByName(ctx, name, err)
	case err != nil:
		return err
	}
	return h.sweep(ctx, name, live)
}

// killByName ends a container of which nobody, or only another version of sysctr, knows where its processes are. They are looked for where this
// one would have put them; cause is returned, and the file kept, if the container has a monitor elsewhere: a unit's is the unit's to end.
func (h Host) killByName(ctx context.Context, name string, cause error) error {
	live, err := h.named(name)
	if err == nil {
		err = sweepGroups(ctx, h.Layout, live)
	}
	if err != nil {
		return err
	}
	left, err := orphans(h.Dirs.LXC(), name)
	if err != nil || len(left) > 0 {
		return errors.Join(err, cause)
	}
	return h.clear(name)
}

func (h Host) sweep(ctx context.Context, name string, live record.Live) error {
	if err := errors.Join(h.endOrphans(ctx, name, live), sweepGroups(ctx, h.Layout, live)); err != nil {
		return err // the liveness file stays, for only that says where to look again
	}
	return h.clear(name)
}

// named is what the name alone tells of a batch's container.
func (h Host) named(name string) (record.Live, error) {
	container, containerErr := h.Layout.At(containerGroup + name)
	monitor, monitorErr := h.Layout.At(monitorGroup + name)
	return record.Live{Cgroup: container, MonitorCgroup: monitor}, errors.Join(containerErr, monitorErr)
}

// Leave is Kill at the end of a unit: it keeps the liveness file, which tells of the end, unless the end was wanted or the container is not
// the unit's.
func (h Host) Leave(ctx context.Context, name string, wanted bool) error {
	live, err := h.Live.Load(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || !live.Unit {
		return err
	}
	if wanted || live.Phase == record.PhaseStopping {
		return h.Kill(ctx, name)
	}
	return sweepGroups(ctx, h.Layout, live)
}

// sweepGroups kills the processes of all groups and the monitor, waits for them, and removes the groups.
func sweepGroups(ctx context.Context, layout alive.Layout, live record.Live) error {
	// The monitor first: it would otherwise see its container end, run the hook and fight over the groups.
	if err := end(ctx, live.Monitor); err != nil {
		return fmt.Errorf("end the monitor: %w", err)
	}
	var errs []error
	for _, group := range []alive.Group{live.MonitorCgroup, live.Cgroup, live.PivotCgroup} { // a monitor may be known by its group only
		if len(group) == 0 {
			continue
		}
		tree, err := layout.Tree(group)
		if errors.Is(err, alive.ErrGroup) {
			continue // its hierarchies are not mounted any more
		}
		if err == nil {
			err = removeGroup(ctx, tree)
		}
		errs = append(errs, err)
	}
	errs = append(errs, end(ctx, live.Init)) // thawed by now, and dead, unless it was elsewhere
	return errors.Join(errs...)
}

// removeGroup kills the processes of a group and removes it. Before most starts there is none, which is cheap to see.
func removeGroup(ctx context.Context, tree alive.Tree) error {
	if there, err := tree.Exists(); err == nil && !there {
		return nil
	}
	if err := tree.Kill(ctx); err != nil {
		return err
	}
	return tree.Remove(ctx)
}

// giveUp kills what a failed start has begun, and leaves the reason for the list.
func (s *Starter) giveUp(name string, live record.Live, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	live.Starter, live.Stopped = alive.Process{}, clause("its start failed: "+cause.Error())
	if s.unit {
		// liblxc has put the starter itself into the monitor's group (cgroup v2 allows processes in leaves only), so the rest is for the unit's
		// end: see Leave.
		return errors.Join(sweepGroups(ctx, s.Layout, record.Live{Cgroup: live.Cgroup}), s.Live.Save(name, live))
	}
	return errors.Join(sweepGroups(ctx, s.Layout, live), s.clear(name), s.Live.Save(name, live))
}

// clause makes any text a short line that a live state takes.
func clause(text string) string {
	const most = 400
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// end kills one process and waits until it is gone. The zero process and one that has ended are fine.
func end(ctx context.Context, p alive.Process) error {
	handle, err := p.Open()
	if errors.Is(err, alive.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := handle.Signal(unix.SIGKILL); err != nil && !errors.Is(err, alive.ErrGone) {
		return err
	}
	return handle.Wait(ctx)
}

// clear removes what was generated for a container that does not run: liveness, notify socket, seed and LXC configuration, which all lie on
// the run directory's tmpfs, where nothing is ever mounted in the host's namespace, and AppArmor's policy.
func (h Host) clear(name string) error {
	d := h.Dirs
	err := errors.Join(
		os.RemoveAll(d.Notify(name)),
		os.RemoveAll(d.Seed(name)),
		clearConfig(filepath.Join(d.LXC(), name)),
		removePolicy(d, name),
	)
	for _, path := range []string{d.Root(name), filepath.Join(d.libraryLocks(), "."+name)} {
		if removeErr := os.Remove(path); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	if err != nil {
		return err
	}
	return h.Live.Remove(name) // last: without it nobody would look for the rest again
}

// RemoveLocks removes liblxc's own lock files of our containers, and above them what that leaves empty. Nothing may be running.
func RemoveLocks(d Dirs) error {
	if err := os.RemoveAll(d.libraryLocks()); err != nil { // our literal path below liblxc's: nobody else's locks
		return err
	}
	for dir := filepath.Dir(d.libraryLocks()); dir != libraryLocks; dir = filepath.Dir(dir) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil // not empty: others use it
		}
	}
	return nil
}
