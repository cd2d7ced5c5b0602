package roll

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/record"
)

// Kept is how many rolls that have ended are kept: the newest.
const Kept = 200

const (
	maxSize   = 64 << 20 // bytes of a file
	planFile  = "plan.json"
	takenFile = "taken.json"
	suffix    = ".json"
)

// Store is the rolls below one directory. It holds nothing open and caches nothing.
type Store struct {
	dir   string
	write func(path string, content []byte, mode os.FileMode) error
}

// Open returns the store of a directory, commonly /var/lib/sysctr/rolls. It touches nothing; the directory is made, mode 0700, when something
// is stored.
func Open(dir string) Store { return Store{dir: dir, write: record.WriteFile} }

// Entry is one roll in a list, or why it cannot be read.
type Entry struct {
	ID   string
	Roll Roll  // zero if Err is not nil
	Err  error // as Load returns it
}

// List returns all rolls, the newest first.
func (s Store) List() ([]Entry, error) {
	ids, err := s.ids()
	entries := make([]Entry, len(ids))
	for i, id := range ids {
		entries[i].ID = id
		entries[i].Roll, entries[i].Err = s.Load(id)
	}
	return entries, err
}

// ids returns the ids of all rolls, the newest first.
func (s Store) ids() ([]string, error) {
	names, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list rolls: %w", err)
	}
	var ids []string
	for _, entry := range names {
		if id, ok := strings.CutSuffix(entry.Name(), suffix); ok && isID(id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids, nil
}

// Load returns a roll. The error wraps fs.ErrNotExist, ErrFormat or ErrDamaged.
func (s Store) Load(id string) (Roll, error) {
	if !isID(id) {
		return Roll{}, fmt.Errorf("%w: %.60q is no id of a roll; see 'sysctr patch history'", ErrDamaged, id)
	}
	content, err := s.read(id + suffix)
	var r Roll
	if err == nil {
		r, err = decode(content, id)
	}
	if err != nil {
		return Roll{}, fmt.Errorf("load roll %s: %w", id, err)
	}
	return r, nil
}

// Active returns the roll that is running or halted, if there is one. A newer roll that is damaged is no obstacle: whoever still needs a restart
// is found by the next plan. One of another format that has not ended is: the error wraps ErrFormat.
func (s Store) Active() (r Roll, active bool, err error) {
	ids, err := s.ids()
	if err != nil {
		return Roll{}, false, err
	}
	for _, id := range ids {
		r, err := s.Load(id)
		switch {
		case err == nil && !r.State.Over():
			return r, true, nil
		case errors.Is(err, ErrFormat) && !s.over(id):
			return Roll{}, false, err
		case err == nil: // only the newest that can be read may be under way: there is one at a time
			return Roll{}, false, nil
		}
	}
	return Roll{}, false, nil
}

// over says whether a roll of whatever format has ended.
func (s Store) over(id string) bool {
	content, err := s.read(id + suffix)
	var head struct {
		State State `json:"state"`
	}
	return err == nil && json.Unmarshal(content, &head) == nil && head.State.Over()
}

// Save stores the roll durably and atomically; on an error the one stored before is intact.
func (s Store) Save(r Roll) error {
	if err := r.Check(); err != nil {
		return fmt.Errorf("save roll: %w", err)
	}
	return s.store(r.ID+suffix, r)
}

// Submit leaves a plan for the driver that is at work, or for the next Run. A plan that was not taken yet is replaced. The error is that of
// Plan.Check for a plan that cannot be rolled.
func (s Store) Submit(p Plan) error {
	if err := p.Check(); err != nil {
		return err
	}
	return s.store(planFile, p)
}

// take returns the plan that waits, if there is one, and keeps it under another name until taken is called: a plan that is submitted meanwhile
// is not lost, and neither is this one in a crash. The error wraps ErrDamaged for one that cannot be used.
func (s Store) take() (Plan, bool, error) {
	content, err := s.read(takenFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.Rename(filepath.Join(s.dir, planFile), filepath.Join(s.dir, takenFile)); err == nil {
			content, err = s.read(takenFile)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Plan{}, false, nil
	}
	var p Plan
	if err == nil {
		err = strict(content, &p)
	}
	if err == nil {
		if err = p.Check(); err != nil {
			err = fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return p, err == nil, err
}

// taken forgets the plan that take returned.
func (s Store) taken() error { return s.remove(takenFile) }

func (s Store) store(file string, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", file, err)
	}
	if len(content) > maxSize {
		return fmt.Errorf("%w: %s would have %d bytes", ErrDamaged, file, len(content))
	}
	return s.put(file, append(content, '\n'))
}

func (s Store) put(file string, content []byte) error {
	path := filepath.Join(s.dir, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return s.write(path, content, 0o600)
}

func (s Store) remove(file string) error {
	if err := os.Remove(filepath.Join(s.dir, file)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// read reads a regular file; it follows no link and waits for no FIFO.
func (s Store) read(file string) ([]byte, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, file), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(content) > maxSize {
		err = fmt.Errorf("%w: more than %d bytes", ErrDamaged, maxSize)
	}
	return content, err
}

// decode reads the text of a roll of this id.
func decode(content []byte, id string) (Roll, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &head); err != nil {
		return Roll{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if head.Format > 0 && head.Format != Format {
		return Roll{}, fmt.Errorf("%w: format %d", ErrFormat, head.Format)
	}
	var r Roll
	if err := strict(content, &r); err != nil {
		return Roll{}, err
	}
	if r.ID != id {
		return Roll{}, fmt.Errorf("%w: it is of roll %.60q", ErrDamaged, r.ID)
	}
	return r, r.Check()
}

// strict reads one JSON document; no key may be unknown.
func strict(content []byte, out any) error {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows", ErrDamaged)
	}
	return nil
}

// create stores the roll of a plan, begun now.
func (s Store) create(p Plan, now time.Time) (Roll, error) {
	ids, err := s.ids()
	if err != nil {
		return Roll{}, err
	}
	r, err := New(newID(now, func(id string) bool { return slices.Contains(ids, id) }), p, now)
	if err != nil {
		return Roll{}, err
	}
	return r, s.Save(r)
}

// prune removes the rolls that have ended and are not among the newest Kept of those.
func (s Store) prune() error {
	ids, err := s.ids()
	if err != nil {
		return err
	}
	over := 0
	for _, id := range ids {
		if over < Kept {
			if s.over(id) {
				over++
			}
			continue
		}
		if r, err := s.Load(id); err == nil && r.State.Over() {
			if err := s.remove(id + suffix); err != nil {
				return fmt.Errorf("remove an old roll: %w", err)
			}
		}
	}
	return nil
}
