package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sysctr/sysctr/profiles/name"
)

// Replace puts the record in the place of the stored one of the same name, durably and atomically; on an error the old one is intact. It
// returns ErrChanged if the container is not the one with this ID, ErrFormat if the stored record is not of this version, and what Load
// and Record.Check return.
func (s Store) Replace(r Record) error {
	content, err := r.encode()
	if err != nil {
		return err
	}
	current, err := s.Load(r.Name)
	if err != nil {
		return err
	}
	if current.ID != r.ID {
		return fmt.Errorf("replace record: %w", ErrChanged)
	}
	path := filepath.Join(s.Dir(r.Name), recordFile)
	if err := RemoveTemps(path); err != nil {
		return fmt.Errorf("replace record: %w", err)
	}
	return WriteFile(path, content, 0o600)
}

// Discard ends the existence of a container: its directory, with record and delta, becomes trash, durably and atomically. It returns the path
// of the trash for Purge. Nothing of it may be mounted or in use any more. A damaged record does not hinder it.
//
// The error wraps fs.ErrNotExist if there is no such container, and ErrFormat, with nothing done, if its record is of another version.
func (s Store) Discard(container string) (string, error) {
	if err := name.Check(container); err != nil {
		return "", err
	}
	if _, err := s.Load(container); errors.Is(err, ErrFormat) {
		return "", err
	}
	trash := filepath.Join(s.dir, trashPrefix+container+"-"+randomHex(8))
	if err := os.Rename(s.Dir(container), trash); err != nil {
		return "", fmt.Errorf("destroy: %w", err)
	}
	if err := syncDir(s.dir); err != nil {
		return trash, fmt.Errorf("destroy: it is done, but may not survive a power cut: %w", err)
	}
	return trash, nil
}

// Purge removes trash and everything in it, given the path that Discard returned. It is idempotent and can be interrupted. The tree may be
// hostile: no symbolic link is followed, and neither depth nor size counts. Where a file system is mounted in the tree it stops and returns
// ErrMounted; nothing of that file system is touched. A file that the host's administrator made immutable stops it as well. The record goes
// last, so that the ids stay taken as long as files of theirs exist.
func (s Store) Purge(trash string) error {
	base := filepath.Base(trash)
	if _, ok := trashName(base); !ok || filepath.Dir(trash) != s.dir {
		return fmt.Errorf("purge %.200q: it is no trash of this store", trash)
	}
	return s.removeTree(base)
}

// removeTree removes one entry of the containers directory with all that is in it; what is not there is removed already.
func (s Store) removeTree(entry string) error {
	dir, err := os.Open(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(removeTree(dir, entry, recordFile), dir.Close())
}
