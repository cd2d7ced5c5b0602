package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// killProcesses kills the processes that work in a run's mount namespace or in one made from it, and waits for their end: commands, starters,
// floors, monitors. They are known by the state directory in their mount tables, which nobody else has. It looks until there is none, since
// each could start others while it looked.
func killProcesses(ctx context.Context, chosen func(name string) bool) error {
	for ctx.Err() == nil {
		found, err := inRun(chosen)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, p := range found {
			if err := kill(ctx, p); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// inRun returns the processes of runs, but the caller.
func inRun(chosen func(name string) bool) ([]alive.Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []alive.Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		p, err := alive.Look(pid) // before its mounts are looked at: the same number later is another process
		if err != nil {
			continue
		}
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
		if err == nil && Mentions(string(table), chosen) {
			found = append(found, p)
		}
	}
	return found, nil
}

// Mentions says whether a mount table (proc_pid_mountinfo(5)) has the state directory of a run that is chosen by its name.
func Mentions(table string, chosen func(name string) bool) bool {
	for _, match := range regexp.MustCompile(`/(`+namePrefix+`[0-9]+-state)/state /`).FindAllStringSubmatch(table, -1) {
		if chosen(match[1]) {
			return true
		}
	}
	return false
}

func kill(ctx context.Context, p alive.Process) error {
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
