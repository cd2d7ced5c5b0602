package generation

import (
	"slices"
	"sort"
	"time"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// Info is what a start has to keep of the state that it was mounted on.
type Info struct {
	Number int       // of the generation; 0: there is none
	Taken  time.Time // when the look at the host began. One that is later than a start is not that start's
	Mixed  bool      // the package manager was at work, or had left its work half done
	Reason string    // why Mixed, for a human
}

// Snapshot is one state of a host: a generation that was kept, or what Take has just seen. It does not change.
type Snapshot struct {
	Info
	Release  string
	Scope    string
	Shows    []string // paths that it shows besides those of the scope; what is at others is not in the index
	packages []pkgdb.Package
	index    *index
	archive  *archive // has the content of every package
}

// Packages returns the present packages, sorted by name and architecture.
func (s *Snapshot) Packages() []pkgdb.Package { return slices.Clone(s.packages) }

// Len is the number of paths in the index.
func (s *Snapshot) Len() int { return len(s.index.entries) }

// File returns what was at the absolute clean path, as seen from the source's root; false if nothing visible was.
func (s *Snapshot) File(path string) (Meta, bool) {
	e := s.index.find(path)
	if e == nil {
		return Meta{}, false
	}
	return s.meta(e), true
}

func (s *Snapshot) meta(e *entry) Meta {
	m := s.index.meta(e)
	if _, f, ok := s.owner(s.index.path(e)); ok {
		m.Digest = f.Digest
	}
	return m
}

// Owner returns the package that has the path, on disk or not; of several the first by name and architecture.
func (s *Snapshot) Owner(path string) (pkgdb.Package, bool) {
	p, _, ok := s.owner(path)
	return p, ok
}

// owner is Owner, with what the package says of the path.
func (s *Snapshot) owner(path string) (pkgdb.Package, pkgdb.File, bool) {
	best, file := -1, pkgdb.File{}
	for _, at := range s.archive.at(path) {
		i, ok := s.having(at)
		if ok && (best < 0 || i < best) {
			best, file = i, at.file()
		}
	}
	if best < 0 {
		return pkgdb.Package{}, pkgdb.File{}, false
	}
	return s.packages[best], file, true
}

// having returns which of the packages has the content that at is in.
func (s *Snapshot) having(at place) (int, bool) {
	c := at.content
	i := sort.Search(len(s.packages), func(i int) bool { return compareNames(s.packages[i], pkgdb.Package{Name: c.Name, Arch: c.Arch}) >= 0 })
	for ; i < len(s.packages) && s.packages[i].Name == c.Name && s.packages[i].Arch == c.Arch; i++ {
		if s.packages[i].Content == c.Key {
			return i, true
		}
	}
	return 0, false
}

// version returns the version of the package of p's name and architecture, whichever it is; empty if it is not present.
func (s *Snapshot) version(p pkgdb.Package) string {
	i := sort.Search(len(s.packages), func(i int) bool { return compareNames(s.packages[i], p) >= 0 })
	if i == len(s.packages) || compareNames(s.packages[i], p) != 0 {
		return ""
	}
	return s.packages[i].Version
}
