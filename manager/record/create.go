package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Create makes a container: a draft directory, mode 0700, in which prepare makes what belongs beside the record, then the record, then the
// rename that makes it exist. prepare gets the absolute path of the draft; what it made is under Dir afterwards. It may be nil.
//
// It returns ErrExists if the name is taken. On any error nothing of the container is left. A draft that a crash left under the same name is
// removed first.
func (s Store) Create(r Record, prepare func(dir string) error) error {
	return s.CreateMany([]Record{r}, func(_ Record, dir string) error {
		if prepare == nil {
			return nil
		}
		return prepare(dir)
	})[0]
}

// syncWhole is the number of drafts from which on one syncfs is cheaper than an fsync of each file. Below it, the host's other writers
// are not waited for.
const syncWhole = 4

// CreateMany makes many containers like Create, at the price of two waits for the disk for all of them: one before the first name becomes
// visible, one after the last. It returns one error or nil for each record, in their order; one failure does not stop the others. A
// power cut meanwhile leaves some of the containers, each whole, and drafts.
func (s Store) CreateMany(records []Record, prepare func(r Record, dir string) error) []error {
	b := batch{store: s, records: records, errs: make([]error, len(records)), staged: map[string]bool{}, published: map[string]bool{}}
	if err := s.ensureDir(); err != nil {
		b.failAll(err)
		return b.errs
	}
	for i, r := range records {
		if b.staged[r.Name] {
			b.errs[i] = fmt.Errorf("create: %w: it is named twice", ErrExists)
			continue
		}
		if b.errs[i] = s.stage(r, prepare); b.errs[i] == nil {
			b.staged[r.Name] = true
		}
	}
	b.publish()
	return b.errs
}

// stage makes the draft of one container, complete but not durable.
func (s Store) stage(r Record, prepare func(r Record, dir string) error) error {
	content, err := r.encode()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(s.Dir(r.Name)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(ErrExists, err)
	}
	draft := s.draft(r.Name)
	if err := s.removeTree(filepath.Base(draft)); err != nil {
		return fmt.Errorf("remove what a crash left: %w", err)
	}
	if err := os.Mkdir(draft, 0o700); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	// The record comes first: from now on Used knows the range, whatever prepare makes with it.
	err = writeFile(filepath.Join(draft, recordFile), content, 0o600, false)
	if err == nil && prepare != nil {
		err = prepare(r, draft)
	}
	if err != nil {
		return errors.Join(err, s.removeTree(filepath.Base(draft)))
	}
	return nil
}

// ensureDir makes the directory of all containers, durably.
func (s Store) ensureDir() error {
	if _, err := os.Lstat(s.dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	return syncDir(filepath.Dir(s.dir))
}

// batch is the work of one CreateMany.
type batch struct {
	store   Store
	records []Record
	errs    []error         // one for each record
	staged  map[string]bool // names whose draft is complete
	// published are the names that exist by now.
	published map[string]bool
}

// publish makes the drafts durable, renames them, and makes that durable. The order is the crash argument of this package.
func (b *batch) publish() {
	if len(b.staged) == 0 {
		return
	}
	if err := b.sync(); err != nil {
		b.failAll(err)
		return
	}
	for i, r := range b.records {
		if b.errs[i] == nil {
			b.errs[i] = b.store.publish(r.Name)
			b.published[r.Name] = b.errs[i] == nil
		}
	}
	if err := syncDir(b.store.dir); err != nil {
		b.failAll(fmt.Errorf("create: %w", err))
	}
}

// sync waits until the drafts are on disk.
func (b *batch) sync() error {
	if len(b.staged) >= syncWhole {
		return syncFS(b.store.dir)
	}
	for container := range b.staged {
		if err := syncTree(b.store.draft(container)); err != nil {
			return fmt.Errorf("create: %w", err)
		}
	}
	return nil
}

// failAll gives every record without an error this one, and takes its draft or container away.
func (b *batch) failAll(err error) {
	for i, r := range b.records {
		if b.errs[i] != nil {
			continue
		}
		b.errs[i] = errors.Join(err, b.takeBack(r.Name))
	}
}

func (b *batch) takeBack(container string) error {
	if b.published[container] {
		trash, err := b.store.Discard(container)
		if err != nil {
			return err
		}
		return b.store.Purge(trash)
	}
	if b.staged[container] {
		return b.store.removeTree(draftPrefix + container)
	}
	return nil
}

// publish renames a draft to its name. It never replaces anything: a plain rename would replace an empty directory.
func (s Store) publish(container string) error {
	draft := s.draft(container)
	err := unix.Renameat2(unix.AT_FDCWD, draft, unix.AT_FDCWD, s.Dir(container), unix.RENAME_NOREPLACE)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EEXIST) {
		err = ErrExists
	}
	return errors.Join(fmt.Errorf("create: %w", err), s.removeTree(filepath.Base(draft)))
}
