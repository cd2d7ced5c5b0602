package generation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// packs says for each content in which pack it is stored. Only packs that are what was written count.
type packs map[string]int

// packs reads the headers of all packs, and makes sure that what follows them is whole.
func (s *Store) packs() (packs, error) {
	numbers, err := s.numbers(packName)
	if err != nil {
		return nil, err
	}
	found := packs{}
	for _, n := range numbers {
		file, err := readFile(s.path(packName, n), maxStored)
		if err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		keys, _, err := openPack(file)
		if err != nil {
			continue // what it had is stored anew
		}
		for _, key := range keys {
			found[key] = n
		}
	}
	return found, nil
}

// of returns the numbers of the packs that have the contents of the packages.
func (p packs) of(packages []pkgdb.Package) []int {
	numbers := []int{}
	for _, pkg := range packages {
		if n, ok := p[pkg.Content]; ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// fresh returns the contents of those packages that are in no pack.
func (p packs) fresh(ctx context.Context, db pkgdb.Database, packages []pkgdb.Package) ([]*content, error) {
	var all []*content
	for _, pkg := range packages {
		if _, ok := p[pkg.Content]; ok {
			continue
		}
		files, err := db.Files(ctx, pkg)
		if err != nil {
			return nil, fmt.Errorf("read the files of %s: %w", pkg.Name, err)
		}
		c := &content{Key: pkg.Content, Name: pkg.Name, Arch: pkg.Arch, Version: pkg.Version}
		for _, f := range files {
			c.files = append(c.files, packFile(f))
		}
		all = append(all, c)
	}
	return all, nil
}

// keep gives the state its number, and stores it unless it is the newest generation already.
func (s *Store) keep(st state) error {
	last, highest, err := s.newest()
	if err != nil {
		return err
	}
	h := indexHeader{
		Number: highest + 1, Taken: st.snapshot.Taken, Release: st.snapshot.Release, Scope: st.snapshot.Scope, Shows: st.snapshot.Shows, Signature: st.signature,
		Digest: st.digest(), Devs: st.snapshot.index.devs,
	}
	if last.Number == highest && last.Digest == h.Digest && len(st.fresh) == 0 && s.intact(highest) {
		h.Number, h.Taken = last.Number, last.Taken
		st.snapshot.Info = Info{Number: h.Number, Taken: h.Taken}
		if last.Signature.equal(h.Signature) && last.Scope == h.Scope && slices.Equal(last.Devs, h.Devs) {
			return nil
		}
	}
	if len(st.fresh) > 0 {
		file, err := encodePack(st.fresh)
		if err == nil {
			err = writeFile(s.path(packName, h.Number), file)
		}
		if err != nil {
			return err
		}
		for _, c := range st.fresh {
			st.packs[c.Key] = h.Number
		}
	}
	h.Packs = st.packs.of(st.snapshot.packages)
	file, err := encodeSnapshot(st.snapshot, h)
	if err == nil {
		err = writeFile(s.path(indexName, h.Number), file)
	}
	st.snapshot.Number = h.Number
	return err
}

// intact says whether the file of a generation is what was written.
func (s *Store) intact(number int) bool {
	file, err := readFile(s.path(indexName, number), maxStored)
	if err != nil {
		return false
	}
	var h indexHeader
	at, err := unpackHeader("index", file, &h)
	if err != nil {
		return false
	}
	_, err = h.Body.stored(file, at)
	return err == nil
}

// Kept is how many of the newest generations stay even if nothing needs them.
const Kept = 16

// Prune removes generations that nobody needs. The rule: those that are in use stay, and the newest Kept, and files of a format that this version
// does not know; of packs those stay that have anything of a generation that stays, and all if one of these cannot be read. inUse says
// whether a start or a delta goes back to the generation.
func (s *Store) Prune(ctx context.Context, inUse func(number int) bool) error {
	release, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // nothing is written through it
	numbers, err := s.numbers(indexName)
	if err != nil {
		return err
	}
	var failed error
	needed, all := map[int]bool{}, true
	for i, n := range numbers {
		h, err := s.header(n)
		if i < len(numbers)-Kept && !inUse(n) && !errors.Is(err, ErrFormat) {
			failed = errors.Join(failed, os.Remove(s.path(indexName, n)))
			continue
		}
		all = all && err == nil
		for _, pack := range h.Packs {
			needed[pack] = true
		}
	}
	if !all {
		return failed
	}
	return errors.Join(failed, s.prunePacks(needed), s.sweep())
}

// prunePacks removes the packs that are not needed.
func (s *Store) prunePacks(needed map[int]bool) error {
	numbers, err := s.numbers(packName)
	for _, n := range numbers {
		if needed[n] {
			continue
		}
		var h packHeader
		if file, errRead := readFile(s.path(packName, n), maxStored); errRead == nil {
			if _, errRead = unpackHeader("pack", file, &h); errors.Is(errRead, ErrFormat) {
				continue
			}
		}
		err = errors.Join(err, os.Remove(s.path(packName, n)))
	}
	return err
}

// sweep removes what a crash left while a file was written. Nobody writes: the lock is held.
func (s *Store) sweep() error {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			err = errors.Join(err, os.Remove(filepath.Join(s.dir, e.Name())))
		}
	}
	return err
}
