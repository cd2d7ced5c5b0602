package mask

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// veils are the placed paths of the host to hide; true takes the name away too, false leaves an empty directory where there is one.
type veils map[string]bool

// over returns the topmost veil at or above p.
func (v veils) over(p string) (string, bool) {
	for _, above := range lineage(p) {
		if _, ok := v[above]; ok {
			return above, true
		}
	}
	return "", false
}

// unlisted returns the names that are not in shown.
func unlisted(names, shown []string) []string {
	var out []string
	for _, n := range names {
		if !slices.Contains(shown, n) {
			out = append(out, n)
		}
	}
	return out
}

// veil collects what the tables hide.
func (b *builder) veil() error {
	top, err := b.h.list(".")
	if err != nil {
		return err
	}
	for _, name := range unlisted(top, topShown()) {
		b.veils[name] = true
	}
	for _, name := range topEmpty() {
		b.veils[name] = false
		if err := b.veilTarget(name); err != nil {
			return err
		}
	}
	for _, l := range []struct {
		dir   string
		shown []string
	}{{"var", varShown()}, {"var/lib", libShown()}, {"var/spool", spoolShown()}} {
		if err := b.veilUnlisted(l.dir, l.shown); err != nil {
			return err
		}
	}
	globs := slices.Concat(etcHidden(), hiddenElsewhere(), ownGlobs())
	for _, s := range secrets() {
		if strings.HasPrefix(s.glob, "etc/") {
			globs = append(globs, s.glob)
		}
	}
	for _, g := range globs {
		found, err := b.glob(g)
		if err != nil {
			return err
		}
		for _, p := range found {
			b.veils[p] = false
		}
	}
	if err := b.veilOwn(); err != nil {
		return err
	}
	return b.unname()
}

// veilOwn hides what is sysctr's own, by name: what else comes and goes in those directories is no reason to make a mask anew.
func (b *builder) veilOwn() error {
	for _, p := range ownFiles() {
		at, n, err := b.find("/" + p)
		if err != nil {
			return err
		}
		if n.exists() {
			b.veils[at] = false
		}
	}
	return nil
}

// unname takes the names of what is nameless away too.
func (b *builder) unname() error {
	for _, name := range nameless() {
		p, err := b.h.place(name)
		if err != nil {
			return err
		}
		if _, ok := b.veils[p]; ok {
			b.veils[p] = true
		}
	}
	return nil
}

// veilTarget hides what name at / is a link to, as /home to /usr/home: its own veil replaces the link only.
func (b *builder) veilTarget(name string) error {
	placed, err := b.h.follow(name)
	if err != nil || placed == name || !strings.Contains(placed, "/") || within(CanaryDir[1:], placed) {
		return err
	}
	b.veils[placed] = false
	return nil
}

// veilUnlisted hides the names of dir that are not in shown, and those that are shown only as a link where they are none.
func (b *builder) veilUnlisted(dir string, shown []string) error {
	placed, err := b.h.follow(dir)
	if err != nil {
		return err
	}
	names, err := b.h.list(placed)
	if err != nil {
		return err
	}
	for _, name := range unlisted(names, shown) {
		b.veils[path.Join(placed, name)] = false
	}
	for _, name := range []string{"lock", "run", "mail"} {
		p := path.Join(placed, name)
		n, err := b.h.stat(p)
		if err != nil {
			return err
		}
		if dir != "var/lib" && n.exists() && !n.isLink() {
			b.veils[p] = false
		}
	}
	return nil
}

// glob returns the placed paths of the host that match pattern, links on the way followed.
func (b *builder) glob(pattern string) ([]string, error) {
	at := []string{"."}
	for part := range strings.SplitSeq(pattern, "/") {
		var next []string
		for _, dir := range at {
			placed, err := b.h.follow(dir)
			if err != nil {
				return nil, err
			}
			names, err := b.h.list(placed)
			if err != nil {
				return nil, err
			}
			next = append(next, matching(placed, names, part)...)
		}
		at = next
	}
	return at, nil
}

// matching returns the paths of the names in dir that match the glob part.
func matching(dir string, names []string, part string) []string {
	if !strings.ContainsAny(part, "*?[") {
		if _, ok := slices.BinarySearch(names, part); ok {
			return []string{path.Join(dir, part)}
		}
		return nil
	}
	var out []string
	for _, n := range names {
		if match(part, n) {
			out = append(out, path.Join(dir, n))
		}
	}
	return out
}

// lift opens the veils over the shared paths: what stands beside the way to such a path stays hidden.
func (b *builder) lift() error {
	for _, share := range slices.Sorted(slices.Values(b.rules.Share)) {
		p, n, err := b.find(share)
		if err != nil {
			return err
		}
		// The path may have led through links to somewhere else than it says.
		if reason, ok := Mandatory("/" + p); ok {
			return fmt.Errorf("share %s: %w: %s", share, ErrMandatory, reason)
		}
		if !n.exists() {
			continue
		}
		if err := b.open(p); err != nil {
			return err
		}
		for _, below := range slices.Sorted(maps.Keys(b.veils)) {
			if _, firm := Mandatory("/" + below); within(below, p) && !firm {
				delete(b.veils, below)
			}
		}
	}
	return nil
}

// open replaces the veil over p by veils over everything beside the way from there to p.
func (b *builder) open(p string) error {
	at, ok := b.veils.over(p)
	if !ok {
		return nil
	}
	delete(b.veils, at)
	for at != p {
		names, err := b.h.list(at)
		if err != nil {
			return err
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(p, at+"/"), "/")
		for _, name := range names {
			if name != next {
				b.veils[path.Join(at, name)] = true
			}
		}
		at = path.Join(at, next)
	}
	return nil
}

// hide adds the veils of the rules.
func (b *builder) hide() error {
	for _, hide := range b.rules.Hide {
		p, n, err := b.find(hide)
		if err != nil {
			return err
		}
		if within(CanaryDir[1:], p) {
			return fmt.Errorf("%w: hide %s would hide %s, where each start proves that secrets are sealed", ErrRule, hide, CanaryDir)
		}
		b.hidden = append(b.hidden, p)
		if n.exists() {
			b.veils[p] = false
		}
	}
	return nil
}

// find returns where the absolute path of a rule lies on the host, and what is there.
func (b *builder) find(abs string) (string, node, error) {
	p, err := b.h.place(strings.TrimPrefix(abs, "/"))
	if err != nil {
		return "", node{}, err
	}
	n, err := b.h.stat(p)
	return p, n, err
}

// draw puts the veils into the mask as whiteouts and opaque directories.
func (b *builder) draw() error {
	for p, gone := range b.veils {
		if above, ok := b.veils.over(p); ok && above != p {
			continue
		}
		n, err := b.h.stat(p)
		if err != nil {
			return err
		}
		standard := slices.Contains(topEmpty(), p)
		switch {
		case standard && !n.isDir():
			b.mask.put(Entry{Path: p, Kind: Opaque, Mode: emptyMode(p)})
		case !n.exists():
		case n.isDir() && !gone:
			b.mask.put(Entry{Path: p, Kind: Opaque, Mode: n.mode&0o7777 | 0o555, UID: n.uid, GID: n.gid})
		default:
			b.mask.put(Entry{Path: p, Kind: Whiteout, Mode: 0o644})
		}
	}
	return nil
}

// emptyMode is the mode of a directory of topEmpty that the host does not have.
func emptyMode(name string) uint32 {
	switch name {
	case "proc", "sys":
		return 0o555
	case "tmp":
		return 0o1777
	default:
		return 0o755
	}
}
