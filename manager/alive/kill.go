package alive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// Kill sends SIGKILL to every process in the group and below, frozen ones included, and returns when all have ended. Nothing in the group can
// fork any more from the first moment on, if there is a pids controller; that stays so, as the group is meant to be removed. A group that does
// not exist is killed already.
//
// It returns ErrGroup, and does nothing, if the caller is in the group itself; ErrPopulated, with the error of ctx, if processes are left
// when ctx ends, such as one the kernel does not let go of.
func (t Tree) Kill(ctx context.Context) error {
	if err := t.spareSelf(); err != nil {
		return err
	}
	if err := t.refuseForks(); err != nil {
		return err
	}
	met := victims{}
	for pause := (backoff{}); ; {
		if err := t.meet(met); err != nil {
			return err
		}
		if err := t.killRound(); err != nil {
			return err
		}
		left, err := t.populated()
		if err != nil {
			return err
		}
		if !left && met.ended() {
			return nil
		}
		if err := pause.wait(ctx); err != nil {
			return fmt.Errorf("%w: %d of %s after SIGKILL: %w", ErrPopulated, len(met), t.branches[0].where(), err)
		}
	}
}

// victims are processes that are to end. A group is empty a moment before its last process has ended: the kernel takes a process out of its
// groups first, and tells its parent and whoever holds a pidfd of it afterwards.
type victims map[Process]bool

// meet adds the processes that are in the group now.
func (t Tree) meet(v victims) error {
	pids, err := t.Processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		p, err := Look(pid)
		if err == nil {
			v[p] = true
		} else if !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// ended forgets those that have ended and reports whether all have.
func (v victims) ended() bool {
	for p := range v {
		if !p.Alive() {
			delete(v, p)
		}
	}
	return len(v) == 0
}

// killRound sends one SIGKILL to all that is there, and then lets frozen ones go on to die of it.
func (t Tree) killRound() error {
	for _, b := range t.branches {
		if b.unified() {
			if err := b.write("cgroup.kill", "1"); err == nil {
				continue // atomic in the kernel, forks included
			} else if !ignorable(err) {
				return err
			}
		}
		// Without pids controller a fork bomb is held still while it is shot; the ones it still got away with are the next round's.
		if b.has("freezer") && !t.limitsForks() {
			if err := b.write("freezer.state", "FROZEN"); err != nil && !ignorable(err) {
				return err
			}
		}
		if err := t.shoot(b); err != nil {
			return err
		}
	}
	return t.thawAll()
}

// shoot kills the processes of one branch, each through a pidfd and only after another look: the id may be somebody else's by now.
func (t Tree) shoot(b branch) error {
	pids, err := b.processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := t.shootOne(b, pid); err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

func (t Tree) shootOne(b branch, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) {
		return ErrGone
	}
	if err != nil {
		return fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	own, err := t.layout.of(pid)
	if err != nil {
		return err
	}
	if _, inside := below(b.path, own[b.key]); !inside {
		return ErrGone
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", pid, err)
	}
	return nil
}

// refuseForks makes every fork in the group fail: a limit below the number that is there kills nobody.
func (t Tree) refuseForks() error {
	for _, b := range t.branches {
		if !b.has("pids") && !b.unified() {
			continue
		}
		if err := b.write("pids.max", "0"); err != nil && !ignorable(err) {
			return err
		}
	}
	return nil
}

// limitsForks reports whether refuseForks has anything to do it with.
func (t Tree) limitsForks() bool {
	for _, b := range t.branches {
		if b.has("pids") {
			return true
		}
	}
	return false
}

// populated reports whether a process is left anywhere in the group.
func (t Tree) populated() (bool, error) {
	for _, b := range t.branches {
		if b.unified() {
			value, err := b.event("populated")
			if err == nil && value == "1" {
				return true, nil
			}
			if err != nil && !ignorable(err) {
				return false, err
			}
			continue
		}
		pids, err := b.processes()
		if err != nil || len(pids) > 0 {
			return len(pids) > 0, err
		}
	}
	return false, nil
}

// spareSelf refuses a tree that the calling process or process 1 is in.
func (t Tree) spareSelf() error {
	for _, pid := range []int{os.Getpid(), 1} {
		own, err := t.layout.of(pid)
		if err != nil {
			return err
		}
		for _, b := range t.branches {
			if _, inside := below(b.path, own[b.key]); inside {
				return fmt.Errorf("%w: process %d, which is not to be stopped, is in %s", ErrGroup, pid, b.where())
			}
		}
	}
	return nil
}

// write writes to a file of the branch's own group.
func (b branch) write(name, value string) error {
	dir, err := b.open()
	if err != nil {
		return err
	}
	if err := errors.Join(writeAt(dir, name, value), dir.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path.Join(b.where(), name), err)
	}
	return nil
}

// backoff waits a little longer each time, from half a millisecond to 20.
type backoff struct{ last time.Duration }

// wait returns nil after the pause, or the error of ctx as soon as that ends.
func (b *backoff) wait(ctx context.Context) error {
	b.last = min(max(b.last*2, 500*time.Microsecond), 20*time.Millisecond)
	timer := time.NewTimer(b.last)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
