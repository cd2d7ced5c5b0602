package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/profiles/name"
)

const (
	recordFile  = "record.json"
	draftPrefix = ".new-"
	trashPrefix = ".trash-"
)

// Store is the records below one state directory. It holds nothing open and caches nothing.
type Store struct {
	dir string // ROOT/containers
}

// Open returns the store of a state directory, an absolute path such as /var/lib/sysctr. It touches nothing; the directory is made by the
// first Create, mode 0700.
func Open(root string) Store { return Store{dir: filepath.Join(root, "containers")} }

// Dir returns the directory of the container: its record and its delta. It need not exist.
func (s Store) Dir(name string) string { return filepath.Join(s.dir, name) }

// Entry is one container in a list: its record, or why there is none.
type Entry struct {
	Name   string
	Record Record // zero if Err is not nil
	Err    error  // as Load returns it
}

// Load returns the record of a container. The error wraps fs.ErrNotExist if there is no such container, and ErrCreating too if it is
// being made; ErrFormat; or ErrDamaged, also when the directory is there and the record is not.
func (s Store) Load(container string) (Record, error) {
	if err := name.Check(container); err != nil {
		return Record{}, err
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return Record{}, fmt.Errorf("load record: %w", err)
	}
	e := s.entry(dir, container)
	return e.Record, errors.Join(e.Err, dir.Close())
}

// List returns all containers in natural order: web2 before web10. One that cannot be loaded is in it with its error. Drafts and trash are
// not, nor anything else whose name no container can have.
func (s Store) List() ([]Entry, error) {
	dir, err := os.Open(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list records: %w", err)
	}
	names = slices.DeleteFunc(names, func(entry string) bool { return name.Check(entry) != nil })
	slices.SortFunc(names, name.Compare)
	entries := s.loadAll(dir, names)
	return slices.DeleteFunc(entries, func(e Entry) bool { return errors.Is(e.Err, fs.ErrNotExist) }), nil // destroyed meanwhile
}

// loadAll loads many records, a few at a time: parsing is most of it, and a thousand take tens of milliseconds one after the other.
func (s Store) loadAll(dir *os.File, names []string) []Entry {
	entries := make([]Entry, len(names))
	var workers sync.WaitGroup
	count := min(runtime.GOMAXPROCS(0), 8, 1+len(names)/32)
	for first := range count {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := first; i < len(names); i += count {
				entries[i] = s.entry(dir, names[i])
			}
		}()
	}
	workers.Wait()
	return entries
}

func (s Store) entry(dir *os.File, container string) Entry {
	r, err := load(dir, container)
	if errors.Is(err, fs.ErrNotExist) {
		err = s.missing(container, err)
	}
	return Entry{Name: container, Record: r, Err: err}
}

// Used returns the id ranges of all containers, drafts and trash: as long as files of a range exist, nobody else may have it. Ranges that
// containers share are in it once for each. A draft without a record owns none.
//
// If the range of a container or of trash cannot be read, nothing is known to be free: the error names it and wraps ErrDamaged.
func (s Store) Used() ([]idrange.Range, error) {
	var used []idrange.Range
	err := s.each("ids", func(_ string, content []byte) error {
		r, err := decodeRange(content)
		if err == nil && !r.IsZero() {
			used = append(used, r)
		}
		return err
	})
	return used, err
}

// Indices returns the places in the managed network of all containers but some, of drafts and of trash, with the same care as Used.
func (s Store) Indices(except ...string) (map[int]bool, error) {
	used := map[int]bool{}
	err := s.each("addresses", func(container string, content []byte) error {
		network, err := decodeNetwork(content)
		if slices.Contains(except, container) {
			return err
		}
		for _, index := range network {
			used[index] = true
		}
		return err
	})
	return used, err
}

// each calls f with the record's text of every container, draft and trash; what is asked for names it in errors.
func (s Store) each(what string, f func(entry string, content []byte) error) error {
	dir, err := os.Open(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("list %s: %w", what, err)
	}
	var failed []error
	for _, entry := range names {
		if err := textOf(dir, entry, f); err != nil {
			failed = append(failed, fmt.Errorf("which %s has %s? %w; restore its record, or destroy it", what, entry, err))
		}
	}
	return errors.Join(failed...)
}

// textOf calls f with the record's text of one entry of the containers directory, if it is one that owns something.
func textOf(dir *os.File, entry string, f func(entry string, content []byte) error) error {
	draft, trash := strings.HasPrefix(entry, draftPrefix), strings.HasPrefix(entry, trashPrefix)
	if isName := name.Check(entry) == nil; !isName && !draft && !trash {
		return nil
	}
	content, err := readRegular(dir, filepath.Join(entry, recordFile), MaxSize)
	if err == nil {
		err = f(entry, content)
	}
	missing := errors.Is(err, fs.ErrNotExist)
	if err == nil || draft || missing && (trash || isGone(dir, entry)) {
		// A draft's record is written before anything of the range has content, and that of trash is removed after everything.
		return nil
	}
	if missing {
		err = fmt.Errorf("%w: it has no record", ErrDamaged)
	}
	return err
}

func isGone(dir *os.File, entry string) bool {
	_, err := os.Lstat(filepath.Join(dir.Name(), entry))
	return errors.Is(err, fs.ErrNotExist)
}

// load reads the record of a container below the open directory of all.
func load(dir *os.File, container string) (Record, error) {
	content, err := readRegular(dir, filepath.Join(container, recordFile), MaxSize)
	var r Record
	if err == nil {
		r, err = decode(content, container)
	}
	if err != nil {
		return Record{}, fmt.Errorf("load %s: %w", filepath.Join(dir.Name(), container, recordFile), err)
	}
	return r, nil
}

// missing says why a record is not there.
func (s Store) missing(container string, err error) error {
	if _, errDir := os.Lstat(s.Dir(container)); errDir == nil {
		return fmt.Errorf("%w: %s is not there", ErrDamaged, filepath.Join(s.Dir(container), recordFile))
	}
	if _, errDraft := os.Lstat(s.draft(container)); errDraft == nil {
		return fmt.Errorf("%w: %w", ErrCreating, err)
	}
	return err
}

func (s Store) draft(container string) string { return filepath.Join(s.dir, draftPrefix+container) }
