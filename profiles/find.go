package profiles

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// notFound is the error about a profile that does not exist. It wraps ErrNotFound.
type notFound struct {
	profile, hint string
}

func (e *notFound) Error() string {
	return fmt.Sprintf("%v: %s (%s)", ErrNotFound, quote(e.profile), e.hint)
}

func (e *notFound) Unwrap() error { return ErrNotFound }

// similar hints at the profiles there are.
func (l Library) similar(profile string) string {
	known := builtinNames()
	// A directory that cannot be read has no hints to give; that it cannot is told where it matters.
	entries, err := os.ReadDir(l.dir)
	if err == nil {
		for _, e := range entries {
			if n, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(n, ".") {
				known = append(known, bound(n))
			}
		}
	}
	if hint := didYouMean(profile, known); hint != "" {
		return hint
	}
	const shown = 10
	if len(known) > shown {
		return fmt.Sprintf("known are %s and %d more", strings.Join(known[:shown], ", "), len(known)-shown)
	}
	return "known are " + strings.Join(known, ", ")
}

// readFile reads a regular file of at most MaxSize bytes. It never waits: not for the other end of a FIFO and not for a terminal.
func readFile(path string) (data []byte, err error) {
	// Opening a device can already act, so what is known to be none is not opened; what it is replaced by meanwhile is looked at again.
	if err := regular(os.Stat(path)); err != nil {
		return nil, fileError(path, err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer func() {
		if closeErr := f.Close(); err == nil && closeErr != nil {
			data, err = nil, fileError(path, closeErr)
		}
	}()
	if err := regular(f.Stat()); err != nil {
		return nil, fileError(path, err)
	}
	data, err = io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fileError(path, err)
	}
	return data, nil
}

// regular says what is wrong with a file that is not a regular one.
func regular(info fs.FileInfo, err error) error {
	if err != nil || info.Mode().IsRegular() {
		return err
	}
	kinds := []struct {
		mode fs.FileMode
		name string
	}{{fs.ModeDir, "a directory"}, {fs.ModeNamedPipe, "a FIFO"}, {fs.ModeSocket, "a socket"}, {fs.ModeDevice, "a device"}}
	for _, k := range kinds {
		if info.Mode()&k.mode != 0 {
			return errors.New(k.name + ", not a regular file")
		}
	}
	return errors.New("not a regular file")
}

func fileError(path string, err error) error {
	reason := err.Error()
	var of *fs.PathError
	if errors.As(err, &of) {
		reason = of.Err.Error()
	}
	return &Error{File: path, Reason: reason, Hint: "a profile is a regular file NAME" + suffix, cause: err}
}
