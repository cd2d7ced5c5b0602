package generation

import (
	"cmp"
	"slices"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// Diff is what is different between two states of a host. Everything that is not in it has the bytes that it had.
type Diff struct {
	From, To int // 0 for a state that is no generation
	Release  [2]string
	Packages []PackageChange // by name and architecture
	Files    []FileChange    // in the order of a walk
}

// PackageChange is a package that came, went or changed; Old and New are equal for one that was built anew under the same version.
type PackageChange struct {
	Name, Arch string
	Old, New   string // versions; empty: not present
}

// FileChange is a path that may have other bytes than before.
type FileChange struct {
	Path                   string
	Class                  Class
	Was, Is                *Meta // nil: it was not there
	Package                string
	OldVersion, NewVersion string // of Package; empty: it was, or is, not present
	// Kept says that the path is the very file that it was, and that a directory above it is another one or was moved: who looked into what was in
	// its place meanwhile does not find the path.
	Kept bool
}

// Compare says what is different between an older state and a newer one. It is pure. Paths that the scope of only one of them shows are
// different.
func Compare(old, now *Snapshot) Diff {
	d := Diff{From: old.Number, To: now.Number, Release: [2]string{old.Release, now.Release}}
	d.Packages = comparePackages(old.packages, now.packages)
	a, b := old.index, now.index
	moved := "" // the directory of which all that is below is looked at
	for i, j := 0, 0; i < len(a.entries) || j < len(b.entries); {
		var order int
		switch {
		case i == len(a.entries):
			order = 1
		case j == len(b.entries):
			order = -1
		default:
			order = comparePaths(a.path(&a.entries[i]), b.path(&b.entries[j]))
		}
		switch {
		case order < 0:
			d.Files = append(d.Files, change(old, now, &a.entries[i], nil))
			i++
		case order > 0:
			d.Files = append(d.Files, change(old, now, nil, &b.entries[j]))
			j++
		default:
			was, is := &a.entries[i], &b.entries[j]
			kept, path := a.same(was, b, is), b.path(is)
			below := moved != "" && within(path, moved)
			if !kept || below {
				c := change(old, now, was, is)
				c.Kept = kept
				d.Files = append(d.Files, c)
			}
			if !below && is.moved(was) {
				moved = path
			}
			i++
			j++
		}
	}
	return d
}

// change describes one changed path; was or is may be nil.
func change(old, now *Snapshot, was, is *entry) FileChange {
	var f FileChange
	var targets []string
	if was != nil {
		f.Path = old.index.path(was)
		m := old.meta(was)
		f.Was, targets = &m, append(targets, m.Target)
	}
	if is != nil {
		f.Path = now.index.path(is)
		m := now.meta(is)
		f.Is, targets = &m, append(targets, m.Target)
	}
	before, fileBefore, had := old.owner(f.Path)
	after, fileAfter, has := now.owner(f.Path)
	switch {
	case has:
		f.Package, f.OldVersion, f.NewVersion = after.Name, old.version(after), after.Version
	case had:
		f.Package, f.OldVersion, f.NewVersion = before.Name, before.Version, now.version(before)
	}
	f.Class = classify(f.Path, had || has, fileBefore.Conffile || fileAfter.Conffile, targets...)
	return f
}

// comparePackages merges two lists that are sorted by name and architecture. Where there are several versions of one package side by side, those that
// both have are the same, and the others are paired in their order.
func comparePackages(old, now []pkgdb.Package) []PackageChange {
	var all []PackageChange
	for len(old) > 0 || len(now) > 0 {
		var first pkgdb.Package
		if len(now) == 0 || len(old) > 0 && compareNames(old[0], now[0]) <= 0 {
			first = old[0]
		} else {
			first = now[0]
		}
		var was, is []pkgdb.Package
		was, old = cutName(old, first)
		is, now = cutName(now, first)
		was, is = without(was, is), without(is, was)
		for i := range max(len(was), len(is)) {
			c := PackageChange{Name: first.Name, Arch: first.Arch}
			if i < len(was) {
				c.Old = was[i].Version
			}
			if i < len(is) {
				c.New = is[i].Version
			}
			all = append(all, c)
		}
	}
	return all
}

// cutName returns the packages at the beginning that have the name and architecture of p, and the others.
func cutName(all []pkgdb.Package, p pkgdb.Package) (same, rest []pkgdb.Package) {
	n := 0
	for n < len(all) && compareNames(all[n], p) == 0 {
		n++
	}
	return all[:n], all[n:]
}

// without returns those of all that are not in other.
func without(all, other []pkgdb.Package) []pkgdb.Package {
	var left []pkgdb.Package
	for _, p := range all {
		if !slices.ContainsFunc(other, func(o pkgdb.Package) bool { return o.Identity == p.Identity }) {
			left = append(left, p)
		}
	}
	return left
}

func compareNames(a, b pkgdb.Package) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch))
}
