package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/profiles/name"
)

// Sweep removes the drafts and the trash that a crash left. For each it asks isFree with the name of the container and leaves it alone
// unless that says yes; isFree takes the Verb lock of the name and keeps it until Sweep has returned, or else somebody may begin
// to work on the very draft. Anything whose record is of another format stays too, and so does whatever this package did not make.
//
// It goes on after an error and returns all of them. What it could not remove it tries again the next time.
func (s Store) Sweep(isFree func(container string) bool) error {
	names, err := s.entries()
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var failed []error
	for _, entry := range names {
		container, ok := leftover(entry)
		if !ok || !isFree(container) {
			continue
		}
		if err := s.sweepOne(entry); err != nil {
			failed = append(failed, fmt.Errorf("sweep %s: %w", entry, err))
		}
	}
	return errors.Join(failed...)
}

func (s Store) sweepOne(entry string) error {
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	content, err := readRegular(dir, filepath.Join(entry, recordFile), MaxSize)
	if err = errors.Join(err, dir.Close()); err == nil && errors.Is(checkFormat(content, Format), ErrFormat) {
		return nil
	}
	return s.removeTree(entry) // a record that is missing or damaged is no reason to keep what was discarded
}

// entries returns the names in the containers directory, in no order.
func (s Store) entries() ([]string, error) {
	dir, err := os.Open(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	return names, errors.Join(err, dir.Close())
}

// leftover returns the name of the container that a draft or trash is of. A container can have neither name: they begin with a dot.
func leftover(entry string) (string, bool) {
	if container, ok := strings.CutPrefix(entry, draftPrefix); ok {
		return container, name.Check(container) == nil
	}
	return trashName(entry)
}

// trashName returns the NAME of .trash-NAME-HEX.
func trashName(entry string) (string, bool) {
	rest, ok := strings.CutPrefix(entry, trashPrefix)
	i := strings.LastIndexByte(rest, '-')
	if !ok || i < 0 || len(rest)-i-1 != 16 || strings.Trim(rest[i+1:], "0123456789abcdef") != "" {
		return "", false
	}
	return rest[:i], name.Check(rest[:i]) == nil
}
