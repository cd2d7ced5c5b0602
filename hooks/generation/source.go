package generation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// Source is the host to be looked at.
type Source struct {
	// DB is the host's package database; nil for a host that has none of a known kind: then only the index counts.
	DB pkgdb.Database
	// Root is "/" in production, a directory in tests.
	Root string
	// Points are the mount points of the file systems that belong to the base, absolute; "/" always belongs. What else is mounted below Root
	// is not looked at, since containers do not see it.
	Points []string
	// Prepare is called before a walk, and returns the paths that Visible shows besides those of the Scope; nil: there are none.
	Prepare func() (shows []string, err error)
	// Visible says whether containers may see the path, which is absolute, as seen from Root. Nothing below a directory that is not visible is. It
	// may be called from several goroutines at once. nil: all is visible.
	Visible func(path string, dir bool) bool
	// Scope identifies what Visible and Points decide: for another scope, Current takes a new generation.
	Scope string
	// Release is the host's distribution and version, as in os-release(5).
	Release string
}

func (s Source) packages(ctx context.Context) ([]pkgdb.Package, error) {
	if s.DB == nil {
		return nil, nil
	}
	packages, err := s.DB.Packages(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the packages: %w", err)
	}
	return packages, nil
}

// index walks what is visible, and returns what of it is besides the scope.
func (s Source) index(ctx context.Context) (x *index, shows []string, err error) {
	if s.Prepare != nil {
		if shows, err = s.Prepare(); err != nil {
			return nil, nil, fmt.Errorf("see what of the host is visible: %w", err)
		}
	}
	x, err = walk(ctx, s)
	return x, shows, err
}

// mark is what stat says of one path of the package database.
type mark struct {
	Path  string `json:"path"`
	Mode  uint32 `json:"mode"` // 0: there was nothing
	Ino   uint64 `json:"ino"`
	Size  int64  `json:"size"`
	Ctime int64  `json:"ctime"`
}

// signature is the marks of all paths of a package database.
type signature []mark

// sign looks at the paths of the database. settled is false if one of them is young: then an equal signature proves nothing.
func (s Source) sign() (marks signature, settled bool, err error) {
	settled = true
	if s.DB == nil {
		return signature{}, true, nil
	}
	now := time.Now()
	for _, path := range s.DB.Paths() {
		m := mark{Path: path}
		if rel, err := filepath.Rel(s.Root, path); err == nil {
			m.Path = rel
		}
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		empty := st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == 0
		if err == nil && !empty { // the empty journal of a database comes and goes with those who only read it
			m.Mode, m.Ino, m.Size, m.Ctime = st.Mode, st.Ino, st.Size, st.Ctim.Nano()
			settled = settled && !young(m.Ctime, now)
		} else if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			return nil, false, &os.PathError{Op: "look at", Path: path, Err: err}
		}
		marks = append(marks, m)
	}
	return marks, settled, nil
}

func (s signature) equal(other signature) bool {
	return s != nil && other != nil && slices.Equal(s, other)
}

// restless says in words why the package database is not at rest; empty if it is.
func (s Source) restless(ctx context.Context) (string, error) {
	reason, err := s.busy(ctx)
	if s.DB == nil || reason != "" || err != nil {
		return reason, err
	}
	problems, err := s.DB.Clean(ctx)
	if err != nil || len(problems) == 0 {
		return "", err
	}
	reason = problems[0].String()
	if len(problems) > 1 {
		reason = fmt.Sprintf("%s, and %d more", reason, len(problems)-1)
	}
	return reason, nil
}

// busy says in words who is at work with the package database; empty if nobody is.
func (s Source) busy(ctx context.Context) (string, error) {
	if s.DB == nil {
		return "", nil
	}
	busy, err := s.DB.Busy(ctx)
	if err != nil || !busy.Held {
		return "", err
	}
	if busy.PID == 0 {
		return fmt.Sprintf("%s is at work: somebody holds %s", s.DB.Name(), busy.Lock), nil
	}
	return fmt.Sprintf("%s is at work: process %d holds %s", s.DB.Name(), busy.PID, busy.Lock), nil
}

// young reports whether a second change after ctime could leave the same ctime. Kernels stamp files with the time of the last tick (10 ms at
// most), and some file systems keep whole seconds only. Times in the future are those of a clock that was set back: it does not meet them again.
func young(ctime int64, now time.Time) bool {
	grain := 20 * time.Millisecond
	if ctime%int64(time.Second) == 0 {
		grain = 2 * time.Second
	}
	age := now.UnixNano() - ctime
	return age > -int64(grain) && age < int64(grain)
}
