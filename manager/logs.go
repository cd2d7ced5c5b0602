package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/lxc"
)

// ErrNoConsole says that nothing of a container's console is kept: it was never started.
var ErrNoConsole = errors.New("nothing of its console is kept")

// glance is how often files that are followed are looked at. Their writers are a monitor and a container; of neither there is anything to wait for
// that a container could not flood.
const glance = 300 * time.Millisecond

// FollowJournal is Journal for what is there and then for all that comes, over restarts of the container, until ctx ends; it then returns nil.
func (m *Manager) FollowJournal(ctx context.Context, c Container, q JournalQuery, w io.Writer) error {
	return follow(ctx, func() error {
		seen, err := m.journalMark(c)
		if err != nil || seen == q.seen {
			return ignoreNone(err)
		}
		cursor, err := m.Journal(ctx, c, q, w)
		if err != nil {
			return ignoreNone(err)
		}
		q.seen, q.Lines = seen, 0
		if cursor != "" {
			q.After = cursor
		}
		return nil
	})
}

// ignoreNone is nil where there is no journal yet.
func ignoreNone(err error) error {
	if errors.Is(err, ErrNoJournal) {
		return nil
	}
	return err
}

// follow looks again and again until an error or the end of ctx, which is none.
func follow(ctx context.Context, look func() error) error {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		err := look()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// journalMark changes whenever an entry is added: it is the headers of all files, which count their entries (systemd's Journal File Format).
func (m *Manager) journalMark(c Container) (string, error) {
	const header = 208 // bytes, of the oldest format that journald still writes
	files, err := m.journalFiles(c)
	if err != nil {
		return "", err
	}
	defer closeAll(files)
	mark := make([]byte, 0, header*len(files))
	for _, f := range files {
		block := make([]byte, header)
		n, _ := f.ReadAt(block, 0) // a short one is another mark
		mark = append(mark, block[:n]...)
	}
	return string(mark), nil
}

// Console writes the last lines of what the container wrote to its console, over all its runs; with 0, all that is kept.
func (m *Manager) Console(c Container, lines int, w io.Writer) error {
	t, err := m.openConsole(c)
	if err != nil {
		return err
	}
	defer t.close()
	return t.tail(lines, w)
}

// FollowConsole is Console for what is there and then for all that comes, until ctx ends; it then returns nil.
func (m *Manager) FollowConsole(ctx context.Context, c Container, lines int, w io.Writer) error {
	var t *console
	err := follow(ctx, func() (err error) {
		if t == nil {
			if t, err = m.openConsole(c); err != nil {
				return ignoreUnkept(err)
			}
			return t.tail(lines, w)
		}
		return t.more(w)
	})
	if t != nil {
		t.close()
	}
	return err
}

func ignoreUnkept(err error) error {
	if errors.Is(err, ErrNoConsole) {
		return nil
	}
	return err
}

// console is the file that liblxc writes a container's console to, in a directory of root's. Full, it is renamed and made anew.
type console struct {
	path string
	file *os.File
}

func (m *Manager) openConsole(c Container) (*console, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	t := &console{path: m.Dirs.Console(c.Name)}
	var err error
	t.file, err = os.OpenFile(t.path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoConsole
	}
	if err != nil {
		return nil, fmt.Errorf("read the console: %w", err)
	}
	return t, nil
}

func (t *console) close() { _ = t.file.Close() } // read only

// tail writes the last lines of both files; the next read of the file goes on after them.
func (t *console) tail(lines int, w io.Writer) error {
	older, err := os.ReadFile(t.path + ".1")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the console: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(t.file, lxc.ConsoleSize))
	if err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	_, err = w.Write(lastLines(append(older, text...), lines))
	return err
}

// more writes what has come since, and goes over to the next file where liblxc has begun one.
func (t *console) more(w io.Writer) error {
	if _, err := io.Copy(w, t.file); err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	now, err := os.Lstat(t.path)
	if err != nil {
		return nil //nolint:nilerr // between two files, or destroyed
	}
	mine, err := t.file.Stat()
	if err != nil || os.SameFile(now, mine) {
		return err
	}
	next, err := os.OpenFile(t.path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	_, err = io.Copy(w, t.file) // what came between the last read and the rename
	t.close()
	t.file = next
	if err != nil {
		return fmt.Errorf("read the console: %w", err)
	}
	return nil
}
