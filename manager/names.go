package manager

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles/name"
)

// namesLock is the name under which the writers of the published names take turns. No container can have it.
const namesLock = ".names"

// namesPatience bounds how long a command waits for others that publish: the list is a comfort.
const namesPatience = 2 * time.Second

// maxNames bounds the published names, in bytes: some 60000 of the longest.
const maxNames = 4 << 20

// NamesFile is where the published names lie.
func NamesFile(d lxc.Dirs) string { return filepath.Join(d.Run, "names") }

// PublishNames writes what a shell completes, for users who may not read the records: one target a line, which is the name of a container,
// @tag or profile:NAME, and nothing else of any container. The file is replaced atomically and world-readable; containers have a /run of
// their own and do not see it. Whoever writes looks at the records while it has the lock, so that the last writer is right.
func PublishNames(ctx context.Context, d lxc.Dirs) (err error) {
	locks, err := record.OpenLocks(d.Lock())
	if err != nil {
		return fmt.Errorf("publish names: %w", err)
	}
	defer func() { err = errors.Join(err, locks.Close()) }()
	waiting, cancel := context.WithTimeout(ctx, namesPatience)
	defer cancel()
	if err := locks.Acquire(waiting, namesLock, record.Verb); err != nil {
		return fmt.Errorf("publish names: %w", err)
	}
	entries, err := record.Open(d.State).List()
	if err != nil {
		return fmt.Errorf("publish names: %w", err)
	}
	text := strings.Join(append(Words(entries), ""), "\n")
	if err := record.RemoveTemps(NamesFile(d)); err != nil {
		return fmt.Errorf("publish names: %w", err)
	}
	if err := record.WriteFile(NamesFile(d), []byte(text), 0o644); err != nil {
		return fmt.Errorf("publish names: %w", err)
	}
	return nil
}

// Words returns the targets that containers can be called by, each once: names in natural order, then tags and profiles.
func Words(entries []record.Entry) []string {
	var names, others []string
	for _, e := range entries {
		names = append(names, e.Name)
		if e.Err != nil {
			continue
		}
		others = append(others, "profile:"+e.Record.Spec.Profile)
		for _, tag := range e.Record.Spec.Tags {
			others = append(others, "@"+tag)
		}
	}
	slices.Sort(others)
	return append(names, slices.Compact(others)...)
}

// ReadNames reads the published names. Lines that are no targets are left out; no file is an empty list.
func ReadNames(d lxc.Dirs) ([]string, error) {
	file, err := os.OpenFile(NamesFile(d), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxNames))
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	var words []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if isWord(lines.Text()) {
			words = append(words, lines.Text())
		}
	}
	return words, nil
}

// isWord tells whether a text is what Words gives.
func isWord(text string) bool {
	for _, prefix := range []string{"profile:", "@", ""} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			return name.Check(rest) == nil
		}
	}
	return false
}
