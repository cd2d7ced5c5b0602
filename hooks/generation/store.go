package generation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// Store is the archive of generations in one directory. Several processes may use it at once. A Store itself may be used by several goroutines.
type Store struct {
	dir     string
	archive *archive
}

// Open returns the Store in dir, which is made, mode 0700, if it is missing.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open the archive of generations: %w", err)
	}
	return &Store{dir: dir, archive: newArchive()}, nil
}

// indexHeader is the header of index-N.
type indexHeader struct {
	Number    int       `json:"number"`
	Taken     time.Time `json:"taken"`
	Release   string    `json:"release"`
	Scope     string    `json:"scope"`
	Shows     []string  `json:"shows,omitempty"` // paths besides those of the scope
	Signature signature `json:"signature"`       // null: an equal one proves nothing
	Digest    string    `json:"digest"`          // of packages and index, see state.digest
	Devs      []uint64  `json:"devs"`
	Packs     []int     `json:"packs"` // numbers of those that have the contents
	Body      body      `json:"body"`
}

const (
	indexName = "index-"
	packName  = "pack-"
)

func (s *Store) path(kind string, number int) string {
	return filepath.Join(s.dir, kind+strconv.Itoa(number))
}

// numbers returns those of the files of a kind, in order.
func (s *Store) numbers(kind string) ([]int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list generations: %w", err)
	}
	var all []int
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), kind)
		if n, err := strconv.Atoi(rest); ok && err == nil && n > 0 && strconv.Itoa(n) == rest {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// headerSize is how much of a file is read at first to get its header.
const headerSize = 1 << 14

// header reads the header of a generation.
func (s *Store) header(number int) (indexHeader, error) {
	var h indexHeader
	file, err := readFile(s.path(indexName, number), headerSize)
	if err == nil {
		_, err = unpackHeader("index", file, &h)
	}
	if errors.Is(err, ErrDamaged) { // or it is longer
		if file, err = readFile(s.path(indexName, number), maxHeader); err == nil {
			_, err = unpackHeader("index", file, &h)
		}
	}
	return h, s.describe(err, number)
}

// describe makes an error of reading a generation one for a human.
func (s *Store) describe(err error, number int) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("generation %d: %w", number, ErrGone)
	}
	return fmt.Errorf("generation %d (%s): %w", number, s.path(indexName, number), err)
}

// newest returns the header of the newest generation that can be read, and the highest number there is; 0 if there is none. An older one can be
// read where the highest is damaged or of another format.
func (s *Store) newest() (h indexHeader, highest int, err error) {
	numbers, err := s.numbers(indexName)
	if err != nil || len(numbers) == 0 {
		return h, 0, err
	}
	highest = numbers[len(numbers)-1]
	for _, n := range slices.Backward(numbers) {
		if h, err = s.header(n); err == nil {
			return h, highest, nil
		}
	}
	return indexHeader{}, highest, nil
}

// lock waits until nobody else writes; release gives it back.
func (s *Store) lock(ctx context.Context) (release func() error, err error) {
	file, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the archive of generations: %w", err)
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the archive of generations: %w", err), file.Close())
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(fmt.Errorf("wait for another look at the host: %w", context.Cause(ctx)), file.Close())
		}
	}
}

// Load returns the generation of that number; an error wraps ErrGone, ErrFormat or ErrDamaged where it cannot be had.
func (s *Store) Load(ctx context.Context, number int) (*Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	snapshot, h, err := s.read(number)
	if err != nil {
		return nil, s.describe(err, number)
	}
	if err := s.fill(snapshot, h.Packs); err != nil {
		return nil, fmt.Errorf("generation %d: %w", number, err)
	}
	return snapshot, nil
}

// read returns the generation without the contents of its packages.
func (s *Store) read(number int) (*Snapshot, indexHeader, error) {
	var h indexHeader
	file, err := readFile(s.path(indexName, number), maxStored)
	if err != nil {
		return nil, h, err
	}
	snapshot, h, err := decodeSnapshot(file)
	if err != nil {
		return nil, h, err
	}
	if h.Number != number {
		return nil, h, fmt.Errorf("%w: it says that it is generation %d", ErrDamaged, h.Number)
	}
	snapshot.archive = s.archive
	return snapshot, h, nil
}

// decodeSnapshot reads the file of a generation.
func decodeSnapshot(file []byte) (*Snapshot, indexHeader, error) {
	var h indexHeader
	at, err := unpackHeader("index", file, &h)
	if err != nil {
		return nil, h, err
	}
	stored, err := h.Body.stored(file, at)
	if err != nil {
		return nil, h, err
	}
	buf, err := inflate(stored)
	if err != nil {
		return nil, h, err
	}
	d := &decoder{buf: buf}
	snapshot := &Snapshot{Info: Info{Number: h.Number, Taken: h.Taken}, Release: h.Release, Scope: h.Scope, Shows: h.Shows}
	snapshot.packages = make([]pkgdb.Package, d.count())
	for i := range snapshot.packages {
		snapshot.packages[i] = decodePackage(d)
	}
	snapshot.index = decodeIndex(d, h.Devs)
	return snapshot, h, d.end()
}

func decodePackage(d *decoder) pkgdb.Package {
	return pkgdb.Package{Name: d.text(), Arch: d.text(), Version: d.text(), Status: d.text(), Identity: d.text(), Content: d.text()}
}

// encodeSnapshot makes the file of a generation.
func encodeSnapshot(snapshot *Snapshot, h indexHeader) ([]byte, error) {
	e := &encoder{}
	e.number(uint64(len(snapshot.packages)))
	for _, p := range snapshot.packages {
		for _, text := range []string{p.Name, p.Arch, p.Version, p.Status, p.Identity, p.Content} {
			e.text(text)
		}
	}
	snapshot.index.encode(e)
	return pack("index", e.buf, func(b body) any {
		h.Body = b
		return h
	})
}

// fill reads the packs that have the contents of the snapshot's packages.
func (s *Store) fill(snapshot *Snapshot, packs []int) error {
	if s.complete(snapshot) == nil {
		return nil
	}
	for _, n := range packs {
		if err := s.load(n); err != nil {
			return err
		}
	}
	return s.complete(snapshot)
}

// load takes the contents of a pack into memory.
func (s *Store) load(number int) error {
	path := s.path(packName, number)
	file, err := readFile(path, maxStored)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, path)
	}
	if err != nil {
		return err
	}
	keys, stored, err := openPack(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.archive.addPack(keys, stored)
	return nil
}

// complete says which content of a package is not in memory.
func (s *Store) complete(snapshot *Snapshot) error {
	for _, p := range snapshot.packages {
		if !s.archive.has(p.Content) {
			return fmt.Errorf("%w: the files of %s %s are in no pack", ErrDamaged, p.Name, p.Version)
		}
	}
	return nil
}

// Digest is one that some archived version of a package gave for a path.
type Digest struct {
	Value                  string // "md5:..." or "sha256:..."
	Package, Arch, Version string
	Conffile               bool
}

// Known returns for each of the paths the digests that all packages in the archive gave for it. They prove where bytes came from, and nothing
// about what is current. What cannot be read is left out, and said in the error.
func (s *Store) Known(ctx context.Context, paths []string) (map[string][]Digest, error) {
	numbers, err := s.numbers(packName)
	if err != nil {
		return nil, err
	}
	var failed error
	for _, n := range numbers {
		failed = errors.Join(failed, ctx.Err(), s.load(n))
	}
	known := make(map[string][]Digest, len(paths))
	for _, path := range paths {
		for _, at := range s.archive.at(path) {
			if f := at.file(); f.Digest != "" {
				c := at.content
				known[path] = append(known[path], Digest{Value: f.Digest, Package: c.Name, Arch: c.Arch, Version: c.Version, Conffile: f.Conffile})
			}
		}
	}
	return known, failed
}
