package mask

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Layers are the trees of one profile, and what they were made from.
type Layers struct {
	Mask, Common Tree
	Inputs       []Input
	// Copies are the paths in Common that hold the host's own bytes (programs that others cannot read): relative, sorted. Whoever asks
	// whether a patch has arrived compares them with the host's.
	Copies []string
	// Shown are those of the mount points asked for that a container may see, written as they were asked for, sorted; only they may get a
	// stack of their own, since an opaque directory that is the root of a layer hides nothing. Mask and Common have a directory at each.
	Shown []string
}

// builder holds what is decided so far.
type builder struct {
	h            *host
	rules        Rules
	veils        veils
	hidden       []string // what the rules hide, whether it exists or not
	mask, common layer
	copies       []string
	shown        []string
}

// Build reads the host below root and decides the trees for r. It changes nothing. Links in the host's tree are followed inside root only;
// nothing outside is ever read. The errors wrap ErrRule, ErrMandatory, ErrUnit or ErrHost where the profile or the host must change.
func Build(root string, r Rules) (Layers, error) { return BuildFor(root, r, nil) }

// BuildFor is Build for a host that has further file systems mounted at the given paths (relative or absolute, as "usr" or "/var"): each
// that a container may see gets a directory in both trees with the owner, mode and ACL of what is mounted there.
func BuildFor(root string, r Rules, mounts []string) (Layers, error) {
	if err := r.check(); err != nil {
		return Layers{}, err
	}
	h, err := openHost(root)
	if err != nil {
		return Layers{}, err
	}
	defer h.close()
	b := &builder{h: h, rules: r, veils: veils{}, mask: layer{}, common: layer{}}
	for _, step := range []func() error{
		b.readable, b.veil, b.lift, b.hide, b.draw, b.blankEtc, b.system, b.fillCommon, b.dropHidden,
		func() error { return b.parents(b.mask, true) },
		func() error { return b.parents(b.common, false) },
		func() error { return b.mountPoints(mounts) },
	} {
		if err := step(); err != nil {
			return Layers{}, fmt.Errorf("decide what is visible: %w", err)
		}
	}
	slices.Sort(b.copies)
	return Layers{Mask: b.mask.tree(), Common: b.common.tree(), Inputs: h.seen(), Copies: b.copies, Shown: b.shown}, nil
}

// readable refuses a host whose root others cannot enter: nothing in it could be read by any container.
func (b *builder) readable() error {
	n, err := b.h.stat(".")
	if err != nil {
		return err
	}
	if !n.open() {
		return fmt.Errorf("%w: / has mode %o, so that other users cannot read it; run chmod 755 /", ErrHost, n.mode&0o7777)
	}
	return nil
}

// blankEtc puts what stands in place of files of the host that every container would misread.
func (b *builder) blankEtc() error {
	for _, p := range emptied() {
		if err := b.replace(p, Entry{Kind: File, Mode: 0o644}); err != nil {
			return err
		}
	}
	dbus, n, err := b.find("/var/lib/dbus")
	if err != nil {
		return err
	}
	if n.isDir() && n.open() {
		b.mask.put(Entry{Path: path.Join(dbus, "machine-id"), Kind: Link, Mode: 0o777, Target: "/etc/machine-id"})
	}
	return nil
}

// replace puts e into the mask at p if the host has anything there.
func (b *builder) replace(p string, e Entry) error {
	at, n, err := b.find("/" + p)
	if err != nil || !n.exists() {
		return err
	}
	e.Path = at
	b.mask.put(e)
	return nil
}

// dropHidden takes from common what the rules hide.
func (b *builder) dropHidden() error {
	for _, hidden := range b.hidden {
		for p := range b.common {
			if within(p, hidden) {
				delete(b.common, p)
			}
		}
		b.copies = slices.DeleteFunc(b.copies, func(p string) bool { return within(p, hidden) })
	}
	return nil
}

// parents gives every entry of l the directories that lead to it, as the host has them. Below a directory of the host that others cannot
// enter nothing is visible anyway, so a tree that must be world-readable has nothing there.
func (b *builder) parents(l layer, worldReadable bool) error {
	for _, p := range slices.Sorted(maps.Keys(l)) {
		fresh := false // below an opaque directory the host's are hidden
		for _, dir := range append([]string{"."}, lineage(p)...) {
			if dir == p {
				continue
			}
			if e, ok := l[dir]; ok && isDir(e.Kind) {
				fresh = fresh || e.Kind == Opaque
				continue
			}
			_, blocked := l[dir]
			e, err := b.hostDir(dir, fresh || blocked)
			if err != nil {
				return err
			}
			if worldReadable && e.Mode&0o005 != 0o005 {
				delete(l, p)
				break
			}
			l.put(e)
		}
	}
	return nil
}

// hostDir returns the entry for a directory that others lie in: the host's, or a new one.
func (b *builder) hostDir(p string, fresh bool) (Entry, error) {
	if !fresh {
		n, acl, err := b.h.dir(p)
		if err != nil {
			return Entry{}, err
		}
		if n.isDir() {
			return Entry{Path: p, Kind: Dir, Mode: n.mode & 0o7777, UID: n.uid, GID: n.gid, ACL: acl}, nil
		}
	}
	return Entry{Path: p, Kind: Dir, Mode: 0o755}, nil
}

// mountPoints puts the directories at which further stacks are mounted into both trees.
func (b *builder) mountPoints(mounts []string) error {
	tree := b.mask.tree()
	for _, m := range mounts {
		p := strings.TrimPrefix(m, "/")
		if p == "" { // the root itself, which every tree has
			b.shown = append(b.shown, m)
			continue
		}
		if !clean(p) || p == "." {
			return fmt.Errorf("%w: mount point %q is not a clean path below /", ErrRule, m)
		}
		seen, err := b.seen(tree, p)
		if err != nil {
			return err
		}
		if !seen {
			continue
		}
		for _, l := range []layer{b.mask, b.common} {
			if err := b.reach(l, p); err != nil {
				return err
			}
		}
		b.shown = append(b.shown, m)
	}
	slices.Sort(b.shown)
	b.shown = slices.Compact(b.shown)
	return nil
}

// reach puts the directory p and those above it into l, as the host has them, where l has none.
func (b *builder) reach(l layer, p string) error {
	for _, dir := range lineage(p) {
		if _, ok := l[dir]; ok {
			continue
		}
		e, err := b.hostDir(dir, false)
		if err != nil {
			return err
		}
		l.put(e)
	}
	return nil
}

// seen reports whether others can list and enter p and everything above it, and nothing in the mask hides it.
func (b *builder) seen(mask Tree, p string) (bool, error) {
	if mask.Hides(p) {
		return false, nil
	}
	for _, dir := range lineage(p) {
		n, err := b.h.stat(dir)
		if err != nil || !n.open() {
			return false, err
		}
	}
	return true, nil
}
