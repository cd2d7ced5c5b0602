package shadow

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/overlay/delta"
)

// Owner is who has a path on the host.
type Owner struct{ Package, Arch, Version string }

// Facts are what was found out about one entry. Its path is absolute, and the classes of the change are those of package delta: Added where
// nothing is below the entry, Removed for a whiteout.
type Facts struct {
	delta.Change
	Layer string
	// Copy says that the entry is a copy that sysctr made of the host's file.
	Copy bool
	// Host says that what is below the entry is the host's own or a copy of that. It is false for what sysctr generates for containers.
	Host bool
	// Gone says that nothing is below the entry and that nothing keeps the host from showing something there.
	Gone bool
	// Since is what happened to the path on the host, Changed whether anything did.
	Since   Change
	Changed bool
	// Through is what the host's link at the path leads to, if that changed and the entry leads elsewhere.
	Through string
	// Below and More are as in Shadow, Bare says that the entry hides nothing at all of a directory of the host, changed or not.
	Below []string
	More  int
	Bare  bool

	Owner   Owner               // on the host now; the zero value is nobody
	Version string              // of that package in the container's own database, "" if it has none
	Digest  string              // of the entry's bytes, "" if they were not read
	Known   []generation.Digest // vendor digests of the path
	Lacks   []string            // accounts, see Lacking
}

// Judge decides. It is pure.
func Judge(f Facts) Shadow {
	s := Shadow{
		Path: f.Path, Layer: f.Layer, Bytes: f.Bytes, Package: f.Owner.Package, Version: f.Owner.Version,
		Below: f.Below, More: f.More, Changed: f.Changed,
	}
	s.Class, s.Heal, s.Detail = Own, Keep, ""
	switch {
	case IsDatabase(f.Path) && !f.same():
		s.Class, s.Detail = Database, "the container's own package database"
	case IsAccounts(f.Path) && !f.same() && f.Is.Kind == delta.File:
		f.accounts(&s)
	case f.Was.Kind == "":
		f.alone(&s)
	case !f.Host:
		s.Detail = "in place of what sysctr generates"
	case f.Class == delta.Removed:
		f.removed(&s)
	case f.Is.Kind == delta.Opaque && f.Was.Kind == delta.Directory:
		f.opaque(&s)
	case f.same():
		f.equal(&s)
	default:
		f.differs(&s)
	}
	f.conclude(&s)
	return s
}

// same reports whether entry and host's are of one kind and have the same bytes for certain.
func (f Facts) same() bool { return (f.Class == delta.Same || f.Class == delta.Metadata) && !f.Guess }

// conclude fills in what follows from the class.
func (f Facts) conclude(s *Shadow) {
	if s.Class == Own || s.Class == Database || s.Class == Redundant {
		s.Changed, s.Below, s.More = false, nil, 0
	}
	if s.Layer == Seed {
		s.Heal = Regenerate
	}
	s.Severity = None
	if !s.Hides() {
		return
	}
	mode := f.Was.Mode
	if f.Was.Kind == "" {
		mode = f.Is.Mode
	}
	if f.Was.Kind != delta.Directory && f.Was.Kind != delta.Link {
		s.Severity = severity(f.Path, mode)
	}
	for _, path := range append(slices.Clone(f.Below), f.Through) {
		if path != "" {
			s.Severity = worse(s.Severity, severity(path, 0))
		}
	}
	if s.Severity == None {
		s.Severity = severity(f.Path, 0)
	}
}

// accounts judges the container's own users or groups.
func (f Facts) accounts(s *Shadow) {
	s.Class, s.Heal, s.Detail = Accounts, Keep, "the container's own accounts"
	s.Changed = f.Changed && len(f.Lacks) > 0
	if s.Changed {
		s.Heal, s.Detail = Merge, "without, or other than the host: "+list(f.Lacks)
	}
}

// alone judges an entry with nothing below it.
func (f Facts) alone(s *Shadow) {
	version, vendor := f.vendor()
	removed := f.Gone && f.Changed && (f.Since.Was != nil || len(f.Known) > 0)
	switch {
	case f.Class == delta.Removed:
		s.Class, s.Heal, s.Detail, s.Changed = Whiteout, Drop, "it removes nothing any more", false
	case removed && vendor:
		s.Class, s.Heal, s.OldVersion, s.Detail = VendorOld, Drop, version, "the host has removed it"
	case removed && f.Is.Kind != delta.Directory && f.Is.Kind != delta.Opaque:
		s.Class, s.Heal, s.Detail = Modified, Report, "the host has removed it"
	}
}

// removed judges a whiteout of something.
func (f Facts) removed(s *Shadow) {
	s.Class, s.Heal, s.Detail = Whiteout, Report, "removed in the container"
	f.replaces(s)
}

// opaque judges a directory over one of the host's.
func (f Facts) opaque(s *Shadow) {
	s.Class, s.Heal, s.Changed, s.Detail = Opaque, Report, len(f.Below) > 0, "what the host has in it is hidden"
	if f.Bare {
		s.Heal, s.Detail = ClearOpaque, "it hides nothing of the host now"
	}
	f.below(s)
}

// equal judges what has the host's bytes.
func (f Facts) equal(s *Shadow) {
	s.Class, s.Heal, s.Changed = Redundant, Drop, false
	if f.Class == delta.Metadata {
		s.Class, s.Heal, s.Detail = Metadata, Keep, strings.Join(f.Fields, ", ")
		if f.Is.Kind != delta.Directory && f.pinned() {
			s.Changed, s.Heal, s.Detail = true, Report, "it has the mode or owner that the host took away"
		}
	}
}

// pinned reports whether the host gave its file another mode or owner, and the entry still has the old one. Links have none that count.
func (f Facts) pinned() bool {
	was, is := f.Since.Was, f.Since.Is
	if was == nil || is == nil || f.Is.Kind == delta.Link {
		return false
	}
	const permissions = 0o7777
	mode := was.Mode&permissions != is.Mode&permissions && f.Is.Mode != f.Was.Mode && f.Is.Mode == was.Mode&permissions
	owner := (was.UID != is.UID && f.Is.UID != f.Was.UID && f.Is.UID == was.UID) || (was.GID != is.GID && f.Is.GID != f.Was.GID && f.Is.GID == was.GID)
	return mode || owner
}

// differs judges an entry with other bytes than the host's, or of another kind.
func (f Facts) differs(s *Shadow) {
	s.Class, s.Heal = Modified, Report
	version, vendor := f.vendor()
	switch {
	case f.Is.Kind != f.Was.Kind:
		s.Detail = fmt.Sprintf("a %s in place of the host's %s", f.Is.Kind, f.Was.Kind)
		f.replaces(s)
		return
	case isDerived(f.Path):
		s.Class, s.Heal, s.Detail = Derived, Regenerate, "made in the container"
		if isIndex(f.Path) {
			s.Changed, s.Detail = false, "it only names files"
		}
		return
	case vendor:
		s.Class, s.Heal, s.OldVersion = VendorOld, Drop, version
		if f.conffile() {
			s.Detail = "an older default"
		}
	case f.Guess:
		s.Detail = "too large to be compared"
	case f.conffile():
		s.Class, s.Heal, s.Detail = Conffile, Keep, "the host's default is unchanged"
		if f.Changed {
			s.Heal, s.Detail = Report, "the host's default changed"
		}
	default:
		f.modified(s)
	}
	f.through(s)
}

// modified compares the versions of the package on both sides.
func (f Facts) modified(s *Shadow) {
	if f.Owner.Package == "" || f.Version == "" {
		return
	}
	s.OldVersion = f.Version
	switch c := CompareVersions(f.Version, f.Owner.Version); {
	case c < 0:
		s.Class, s.Detail = ModifiedOlder, "the container's package is older"
	case c > 0:
		s.Class, s.Heal, s.Detail = ModifiedNewer, Keep, "the container's package is newer"
	default:
		s.OldVersion, s.Detail = "", "edited"
	}
}

// replaces adds what an entry hides that is no directory, over one, or the other way round.
func (f Facts) replaces(s *Shadow) {
	if was := f.Since.Was; f.Was.Kind == delta.Directory {
		old := f.Class != delta.Removed && was != nil && was.Mode&unix.S_IFMT != unix.S_IFDIR // the host has made a directory of it
		s.Changed = len(f.Below) > 0 || f.Changed && old
		f.below(s)
	}
	f.through(s)
}

func (f Facts) below(s *Shadow) {
	if n := len(f.Below) + f.More; len(f.Below) > 0 {
		s.Detail += fmt.Sprintf("; up to %d changed paths below it, such as %q", n, f.Below[0])
	}
}

func (f Facts) through(s *Shadow) {
	if f.Through == "" {
		return
	}
	s.Changed = true
	if s.Detail != "" {
		s.Detail += "; "
	}
	s.Detail += fmt.Sprintf("the host's link leads to %q, which changed", f.Through)
}

// vendor reports whether the entry's bytes, or the target of a link, are the host's of another time, and of which version.
func (f Facts) vendor() (version string, ok bool) {
	if f.Copy {
		return "", true
	}
	if f.Is.Kind == delta.Link {
		was := f.Since.Was
		return "", was != nil && was.Mode&unix.S_IFMT == unix.S_IFLNK && was.Target == f.Is.Target
	}
	if f.Is.Kind != delta.File || f.Digest == "" {
		return "", false
	}
	for _, v := range f.Known {
		if v.Value == f.Digest {
			return v.Version, true
		}
	}
	return "", false
}

// conffile reports whether the path is a configuration file of the package that has it now.
func (f Facts) conffile() bool {
	return slices.ContainsFunc(f.Known, func(d generation.Digest) bool { return d.Conffile && d.Package == f.Owner.Package })
}

// list quotes some names.
func list(names []string) string {
	const most = 5
	quoted := make([]string, 0, most)
	for _, n := range names[:min(len(names), most)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	if more := len(names) - most; more > 0 {
		quoted = append(quoted, fmt.Sprintf("%d more", more))
	}
	return strings.Join(quoted, ", ")
}
