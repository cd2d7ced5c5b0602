package hooks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// State is how a drop-in is found on a host.
type State string

// The states of a drop-in.
const (
	Unneeded State = "unneeded" // the host does not have the program, and no drop-in
	Absent   State = "absent"   // the program would read it, but it is not there
	Current  State = "current"
	Outdated State = "outdated" // of another version of sysctr, or with another path of the script
	Edited   State = "edited"   // sysctr wrote it, and somebody has changed it
	Foreign  State = "foreign"  // somebody else's
)

// Theirs says that a drop-in is not to be touched unasked.
func (s State) Theirs() bool { return s == Edited || s == Foreign }

// maxDropIn bounds what is read of a file that may be anybody's, in bytes; ours have a few hundred.
const maxDropIn = 64 << 10

// Look says how the drop-in is found below the host's root.
func Look(root string, d DropIn) (State, error) {
	text, err := read(filepath.Join(root, d.Path))
	switch {
	case errors.Is(err, errNotAFile):
		return Foreign, nil
	case errors.Is(err, fs.ErrNotExist):
		return wanted(root, d)
	case err != nil:
		return "", fmt.Errorf("look at the drop-in: %w", err)
	}
	ours, intact := owned(text)
	switch {
	case text == d.Text:
		return Current, nil
	case intact:
		return Outdated, nil
	case ours:
		return Edited, nil
	}
	return Foreign, nil
}

func wanted(root string, d DropIn) (State, error) {
	info, err := os.Stat(filepath.Join(root, d.Needs))
	if err == nil && info.IsDir() {
		return Absent, nil
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return Unneeded, nil
	}
	return "", fmt.Errorf("look for %s: %w", d.Name, err)
}

// errNotAFile is for a link, a directory or a device in a drop-in's place, or a file too large to be one.
var errNotAFile = errors.New("not a drop-in")

// read returns the regular file at path, follows no link at its end and never waits for a FIFO's writer.
func read(path string) (text string, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return "", errNotAFile
	}
	if errors.Is(err, unix.ENOTDIR) {
		return "", fs.ErrNotExist
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxDropIn {
		return "", errNotAFile
	}
	data, err := io.ReadAll(io.LimitReader(file, maxDropIn))
	return string(data), err
}
