package roll

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sysctr/sysctr/profiles/name"
)

// The files of marks. Resume and abort hold the id of the roll that they are about, so that one that came too late does nothing to the next.
const (
	pauseFile  = "pause"
	resumeFile = "resume"
	abortFile  = "abort"
	holdsDir   = "holds"
)

// Pause keeps every roll, also a later one, from beginning a restart, until Resume. Idempotent.
func (s Store) Pause() error { return s.put(pauseFile, nil) }

// Resume ends a pause, and has the next Run go on with a roll that was halted. It says whether there is such a roll, or was a pause; ErrNone if not.
func (s Store) Resume() error {
	_, err := os.Lstat(filepath.Join(s.dir, pauseFile))
	paused := err == nil
	if err := s.remove(pauseFile); err != nil {
		return err
	}
	r, active, err := s.Active()
	switch {
	case err != nil:
		return err
	case active && r.State == Halted:
		return s.put(resumeFile, []byte(r.ID))
	case !active && !paused:
		return fmt.Errorf("%w, and none is paused", ErrNone)
	}
	return nil
}

// Abort ends the roll that is under way: restarts that were begun are finished, no other is. A plan that waits goes with it. ErrNone if there is
// none. It is Run that carries it out, that of the driver or the caller's.
func (s Store) Abort() error {
	r, active, err := s.Active()
	if err != nil {
		return err
	}
	if !active {
		return ErrNone
	}
	return s.put(abortFile, []byte(r.ID))
}

// Hold keeps rolls from restarting a container until then; the zero time is until Unhold. Idempotent.
func (s Store) Hold(container string, until time.Time) error {
	if err := name.Check(container); err != nil {
		return err
	}
	var content []byte
	if !until.IsZero() {
		content = until.UTC().AppendFormat(nil, time.RFC3339)
	}
	return s.put(filepath.Join(holdsDir, container), content)
}

// Unhold takes a hold back. Idempotent.
func (s Store) Unhold(container string) error {
	if err := name.Check(container); err != nil {
		return err
	}
	return s.remove(filepath.Join(holdsDir, container))
}

// Marks returns what is asked of the roll with this id. A hold that cannot be read holds for ever.
func (s Store) Marks(id string) (Marks, error) {
	m := Marks{
		Paused: s.exists(pauseFile), Plan: s.exists(planFile) || s.exists(takenFile), Resume: s.about(resumeFile, id), Abort: s.about(abortFile, id),
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, holdsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Marks{}, fmt.Errorf("look for holds: %w", err)
	}
	for _, entry := range entries {
		if name.Check(entry.Name()) != nil {
			continue
		}
		content, err := s.read(filepath.Join(holdsDir, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		until, err := time.Parse(time.RFC3339, strings.TrimSpace(string(content)))
		if err != nil {
			until = time.Time{}
		}
		if m.Holds == nil {
			m.Holds = map[string]time.Time{}
		}
		m.Holds[entry.Name()] = until
	}
	return m, nil
}

func (s Store) exists(file string) bool {
	_, err := os.Lstat(filepath.Join(s.dir, file))
	return err == nil
}

// about says whether a mark is there and is about the roll with this id.
func (s Store) about(file, id string) bool {
	content, err := s.read(file)
	return err == nil && strings.TrimSpace(string(content)) == id
}
