package lxc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// endOrphans ends what goes on with a start whose starter was killed: liblxc's monitor, for some milliseconds in no control group of the
// container's and in no file of ours. It is known by the title that it gives itself before anything else. It starts from processes that bear
// the same title, so it is looked for until there is none.
func (h Host) endOrphans(ctx context.Context, name string, live record.Live) error {
	if live.Phase != record.PhaseStarting || live.Starter.Alive() {
		return nil
	}
	for {
		found, err := orphans(h.Dirs.LXC(), name)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, p := range found {
			if err := end(ctx, p); err != nil {
				return fmt.Errorf("end what its starter left: %w", err)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		time.Sleep(time.Millisecond) // a process that was forked just before shows its title only then
	}
}

// orphans returns the processes of the host's root that have the title of the container's monitor.
func orphans(dir, name string) ([]alive.Process, error) {
	title := "[lxc monitor] " + dir + " " + name
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	var found []alive.Process
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil || strings.TrimRight(string(text), "\x00 ") != title {
			continue // it has ended meanwhile
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
		if err != nil {
			continue
		}
		p, err := alive.Look(pid)
		if errors.Is(err, alive.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Dir(line), &st); errors.Is(err, fs.ErrNotExist) || st.Uid != 0 {
			continue // whoever is not root may call itself as it likes
		}
		found = append(found, p)
	}
	return found, nil
}
