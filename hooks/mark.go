package hooks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir is the directory of a host's mark, /run/sysctr/host: root's alone, on a tmpfs. Only a prepared host has it.
type Dir string

// maxMark bounds what is read of a mark, in bytes; its rest is dropped.
const maxMark = 4 << 10

func (d Dir) mark() string { return filepath.Join(string(d), "pending") }

// Poke leaves the mark with a word for who did it. It is what the script does.
func (d Dir) Poke(source string) (err error) {
	file, err := os.OpenFile(d.mark(), os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("leave the mark: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteString(source + "\n"); err != nil && !errors.Is(err, unix.ENOSPC) { // the name is there, and enough
		return fmt.Errorf("leave the mark: %w", err)
	}
	return nil
}

// Marked says whether somebody has left the mark since the last Take.
func (d Dir) Marked() (bool, error) {
	_, err := os.Lstat(d.mark())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Take removes the mark and returns who left it, sorted, each once; none if there was no mark.
func (d Dir) Take() ([]string, error) {
	file, err := os.OpenFile(d.mark(), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	// Removed before it is read: who writes to it now has changed the packages before, and nobody has looked at them yet.
	if removed := gone(os.Remove(d.mark())); removed != nil || err != nil {
		return nil, errors.Join(removed, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxMark))
	sources := strings.Fields(string(data))
	slices.Sort(sources)
	return slices.Compact(sources), errors.Join(err, file.Close())
}
