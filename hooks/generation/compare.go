package generation

import (
	"cmp"

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
	OldVersion, NewVersion string // of Package; empty: it did not have the path
}

// Compare says what is different between an older state and a newer one. It is pure. Paths that the scope of only one of them shows are
// different.
func Compare(old, now *Snapshot) Diff {
	d := Diff{From: old.Number, To: now.Number, Release: [2]string{old.Release, now.Release}}
	d.Packages = comparePackages(old.packages, now.packages)
	a, b := old.index, now.index
	for i, j := 0, 0; i < len(a.entries) || j < len(b.entries); {
		order := 0
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
			if !a.same(&a.entries[i], b, &b.entries[j]) {
				d.Files = append(d.Files, change(old, now, &a.entries[i], &b.entries[j]))
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
	if had {
		f.Package, f.OldVersion = before.Name, before.Version
	}
	if has {
		f.Package, f.NewVersion = after.Name, after.Version
		if before.Name != after.Name {
			f.OldVersion = ""
		}
	}
	f.Class = classify(f.Path, had || has, fileBefore.Conffile || fileAfter.Conffile, targets...)
	return f
}

// comparePackages merges two lists that are sorted by name and architecture.
func comparePackages(old, now []pkgdb.Package) []PackageChange {
	var all []PackageChange
	for len(old) > 0 || len(now) > 0 {
		order := 0
		switch {
		case len(old) == 0:
			order = 1
		case len(now) == 0:
			order = -1
		default:
			order = cmp.Or(cmp.Compare(old[0].Name, now[0].Name), cmp.Compare(old[0].Arch, now[0].Arch))
		}
		switch {
		case order < 0:
			all = append(all, PackageChange{Name: old[0].Name, Arch: old[0].Arch, Old: old[0].Version})
			old = old[1:]
		case order > 0:
			all = append(all, PackageChange{Name: now[0].Name, Arch: now[0].Arch, New: now[0].Version})
			now = now[1:]
		default:
			if old[0].Identity != now[0].Identity {
				all = append(all, PackageChange{Name: old[0].Name, Arch: old[0].Arch, Old: old[0].Version, New: now[0].Version})
			}
			old, now = old[1:], now[1:]
		}
	}
	return all
}
