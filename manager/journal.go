package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// ErrNoJournal says that a container has no journal in its delta: it never ran, or runs no journal, or keeps it in memory.
var ErrNoJournal = errors.New("it has no journal")

const (
	journalDir      = "var/log/journal" // in the container
	maxJournalFiles = 256               // 16 MB in files of 512 KB are 32, and further ones for users
	journalPatience = 20 * time.Second
)

// JournalQuery says which part of a journal is wanted.
type JournalQuery struct {
	Lines int       // the last ones; 0 for all
	Since time.Time // not older than this; zero for any age
	After string    // only what came after the entry of this cursor; empty for all

	seen string // of one that is followed: the journalMark up to which it was told
}

// Journal writes what a container's own journal tells to w, as text, and returns the cursor of the last entry, empty without any. It
// reads the files in the delta and asks nobody inside: so it is the same for a container that runs, hangs or is stopped.
//
// The files are whatever container root made of them. They are opened beneath the delta, as regular files, and handed to the host's
// journalctl in a process that has the container's own root ids: whoever subverts it is who he was before.
func (m *Manager) Journal(ctx context.Context, c Container, q JournalQuery, w io.Writer) (cursor string, err error) {
	if err := c.usable(); err != nil {
		return "", err
	}
	files, err := m.journalFiles(c)
	if err != nil {
		return "", err
	}
	defer closeAll(files)
	reader := readerOf(c.Record.Range)
	legible := slices.DeleteFunc(slices.Clone(files), func(f *os.File) bool { return !legible(f, reader) })
	if len(legible) == 0 {
		return "", ErrNoJournal
	}
	ctx, cancel := context.WithTimeout(ctx, journalPatience)
	defer cancel()
	end := &ending{to: w}
	if !q.Since.IsZero() {
		end.lines, q.Lines = q.Lines, 0
	}
	last := &lastLine{to: end}
	var complaint bytes.Buffer
	cmd := journalctl(ctx, legible, q)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: reader, Pdeathsig: syscall.SIGKILL}
	cmd.Stdout, cmd.Stderr = last, &limited{to: &complaint, left: 4096}
	if err := cmd.Run(); err != nil && !nothing(err, &complaint) {
		if ctx.Err() != nil {
			err = fmt.Errorf("it took longer than %v: %w", journalPatience, ctx.Err())
		}
		return "", fmt.Errorf("read the journal: %w%s", err, because(strings.TrimSpace(complaint.String())))
	}
	cursor, err = last.cursor()
	return cursor, errors.Join(err, end.flush())
}

// nothing says that journalctl found no entry, for which it fails without a word.
func nothing(err error, complaint *bytes.Buffer) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == 1 && complaint.Len() == 0
}

// HasJournal says whether the container has journal files in its delta.
func (m *Manager) HasJournal(c Container) bool {
	files, err := m.journalFiles(c)
	closeAll(files)
	return err == nil
}

// readerOf returns the ids with which a container's journal is read: those of its own root. A privileged one has the host's; its journal is read
// by nobody, with the group that journals belong to.
func readerOf(r idrange.Range) *syscall.Credential {
	const nobody = 65534
	if !r.IsZero() {
		return &syscall.Credential{Uid: r.Start, Gid: r.Start}
	}
	gid := nobody
	if g, err := user.LookupGroup("systemd-journal"); err == nil {
		gid, _ = strconv.Atoi(g.Gid) // a number, by getgrnam(3)
	}
	return &syscall.Credential{Uid: nobody, Gid: uint32(gid)}
}

// legible says whether the ids may read the file; journalctl gives up all files for one that it cannot open.
func legible(f *os.File, ids *syscall.Credential) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch {
	case st.Uid == ids.Uid:
		return st.Mode&0o400 != 0
	case st.Gid == ids.Gid:
		return st.Mode&0o040 != 0
	default:
		return st.Mode&0o004 != 0
	}
}

// journalctl is the command, with the files as its descriptors from 3 on. It opens them again by that name, which asks for its own permission.
func journalctl(ctx context.Context, files []*os.File, q JournalQuery) *exec.Cmd {
	args := []string{"--quiet", "--no-pager", "--show-cursor"}
	if q.Lines > 0 {
		args = append(args, "--lines="+strconv.Itoa(q.Lines))
	}
	if !q.Since.IsZero() {
		args = append(args, "--since=@"+strconv.FormatInt(q.Since.Unix(), 10))
	}
	if q.After != "" {
		args = append(args, "--after-cursor="+q.After)
	}
	for i := range files {
		args = append(args, "--file=/proc/self/fd/"+strconv.Itoa(3+i))
	}
	cmd := exec.CommandContext(ctx, "journalctl", args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TZ=" + os.Getenv("TZ"), "SYSTEMD_COLORS=0", "SYSTEMD_URLIFY=0"}
	cmd.Dir, cmd.ExtraFiles, cmd.WaitDelay = "/", files, time.Second
	return cmd
}

// journalFiles opens the journal files of a container's delta.
func (m *Manager) journalFiles(c Container) ([]*os.File, error) {
	d, err := delta.Open(m.Dirs.Delta(c.Name))
	if err != nil {
		return nil, errors.Join(ErrNoJournal, ignoreMissing(err))
	}
	defer d.Close()
	points, err := d.Points()
	if err != nil {
		return nil, err
	}
	point, rel := "/", journalDir
	for _, p := range points { // rising, so the last that fits is the filesystem that has it
		if rest, ok := strings.CutPrefix("/"+journalDir+"/", p+"/"); ok && p != "/" {
			point, rel = p, strings.TrimSuffix(rest, "/")
		}
	}
	upper, err := d.Upper(point)
	if err != nil {
		return nil, errors.Join(ErrNoJournal, ignoreMissing(err))
	}
	defer upper.Close()
	return openJournal(upper, path.Join(rel, c.Record.MachineID))
}

// openJournal opens what looks like a journal file in dir. What is none, or cannot be had, is left out.
func openJournal(upper *beneath.Dir, dir string) ([]*os.File, error) {
	var names []string
	err := upper.Readdir(dir, func(batch []string) error {
		for _, n := range batch {
			if (strings.HasSuffix(n, ".journal") || strings.HasSuffix(n, ".journal~")) && len(names) < maxJournalFiles {
				names = append(names, n)
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(ErrNoJournal, ignoreMissing(err))
	}
	var files []*os.File
	for _, n := range names {
		if f, err := upper.OpenRegular(path.Join(dir, n)); err == nil {
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil, ErrNoJournal
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // read only
	}
}

// ignoreMissing is nil for what is not there.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
