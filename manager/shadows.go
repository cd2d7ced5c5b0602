package manager

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// Vendors knows the packages of the host, now and of earlier generations. Paths are absolute. It may be asked from several goroutines.
type Vendors interface {
	Owner(path string) (shadow.Owner, bool)
	// Known is that of generation.Store.
	Known(ctx context.Context, paths []string) (map[string][]generation.Digest, error)
}

// Look is what to look for in a delta.
type Look struct {
	Since   shadow.Changes // what changed on the host since the delta was born
	Vendors Vendors        // nil: nothing is known of packages
	// All asks for everything that lies over something of the host. Else only what hides a patch is asked for, and nothing else is read.
	All bool
	// Own asks for the container's own files too.
	Own bool
}

// Shadows looks at a container's delta and, if it runs, at the seed that it is mounted with, whatever the container does meanwhile, and returns what
// lies over files of the host, sorted by path. What is below a delta is taken to be what the next start would mount.
func (m *Manager) Shadows(ctx context.Context, container string, look Look) (found []shadow.Shadow, err error) {
	rec, err := m.store.Load(container)
	if err != nil {
		return nil, err
	}
	v, err := m.openView(rec)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	d, err := delta.Open(m.Dirs.Delta(container))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	h := hunt{Look: look, copies: map[string]bool{}}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.open(v, d); err != nil {
		return nil, err
	}
	if found, err = h.run(ctx); err != nil {
		return nil, err
	}
	seeds, err := m.seedShadows(ctx, container, v.set, &h)
	found = append(found, seeds...)
	slices.SortStableFunc(found, func(a, b shadow.Shadow) int { return strings.Compare(a.Path, b.Path) })
	return found, err
}

// spot is the delta of one host filesystem, and what is below it: last the base, above it mask and common.
type spot struct {
	point string
	view  delta.View
	upper *beneath.Dir // nil: the container has never been started with it
}

func (s spot) rel(path string) string {
	if rel := strings.TrimPrefix(strings.TrimPrefix(path, s.point), "/"); rel != "" {
		return rel
	}
	return "."
}

// hunt is one look at a delta.
type hunt struct {
	Look
	copies map[string]bool // generated files that are the host's own bytes
	spots  []spot
	facts  []fact
}

// fact is what is known of an entry after the walk.
type fact struct {
	shadow.Facts
	spot spot
	from int // the layer that shows what is below
}

// open opens the uppers of those filesystems that the next start would mount.
func (h *hunt) open(v *view, d *delta.Delta) error {
	for _, p := range v.set.Copies {
		h.copies["/"+p] = true
	}
	points, err := d.Points()
	if err != nil {
		return err
	}
	for _, point := range points {
		below, ok, err := v.at(point)
		if err == nil && ok {
			err = h.add(d, point, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add opens the upper of one filesystem.
func (h *hunt) add(d *delta.Delta, point string, v delta.View) error {
	upper, err := d.Upper(point)
	if errors.Is(err, fs.ErrNotExist) {
		upper, err = nil, nil
	}
	if err != nil {
		return err
	}
	h.spots = append(h.spots, spot{point: point, view: v, upper: upper})
	return nil
}

func (h *hunt) close() error {
	var errs []error
	for _, s := range h.spots {
		if s.upper != nil {
			errs = append(errs, s.upper.Close())
		}
	}
	return errors.Join(errs...)
}

// spotOf returns the spot that shows a path.
func (h *hunt) spotOf(p string) spot {
	best := h.spots[0] // that of the root
	for _, s := range h.spots[1:] {
		if (p == s.point || strings.HasPrefix(p, s.point+"/")) && len(s.point) > len(best.point) {
			best = s
		}
	}
	return best
}

// run walks, then asks about what was found, then judges.
func (h *hunt) run(ctx context.Context) ([]shadow.Shadow, error) {
	for _, s := range h.spots {
		if s.upper == nil {
			continue
		}
		err := delta.Overlaps(ctx, s.upper, s.view, func(o *delta.Overlap) error { return h.meet(ctx, s, o) })
		if err != nil {
			return nil, err
		}
	}
	if err := h.ask(ctx); err != nil {
		return nil, err
	}
	found := []shadow.Shadow{}
	for i := range h.facts {
		s := shadow.Judge(h.facts[i].Facts)
		if s.Hides() || h.All && (h.Own || s.Class != shadow.Own) {
			found = append(found, s)
		}
	}
	return found, nil
}

// meet decides whether an entry matters, and notes it with what differs if it does.
func (h *hunt) meet(ctx context.Context, s spot, o *delta.Overlap) error {
	p := absolute(s.point, o.Path)
	directory := o.Info.IsDir()
	switch {
	case directory && (o.Cut || o.Path != "." && h.isPoint(p)):
		return fs.SkipDir // no layer has it, or something else is mounted over it
	case o.Cut:
		return nil
	case directory && (o.Below == "" || o.Kind == delta.Directory && o.Below == delta.Directory && !h.All):
		return nil
	}
	f := fact{spot: s, from: o.Layer}
	f.Path, f.Layer = p, shadow.Delta
	f.Since, f.Changed = h.Since.At(p)
	f.Host = o.Layer == len(s.view.Layers)-1 || o.Layer >= 0 && h.copies[p]
	if err := h.around(ctx, s, o, &f); err != nil || !h.matters(o, f) {
		return err
	}
	return h.note(o, f)
}

// note compares an entry with what is below it and keeps what was found.
func (h *hunt) note(o *delta.Overlap, f fact) error {
	change, err := o.Change(h.All)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it went while it was looked at
	}
	if err != nil || change.Class == delta.Same && change.Is.Kind == delta.Directory {
		return err
	}
	change.Path = f.Path
	f.Change = change
	if f.Host && o.Below == delta.Link && change.Class != delta.Same && change.Class != delta.Metadata {
		if f.Through, err = h.through(f.Facts); err != nil {
			return err
		}
	}
	h.facts = append(h.facts, f)
	return nil
}

func (h *hunt) isPoint(p string) bool {
	return slices.ContainsFunc(h.spots, func(s spot) bool { return s.point == p })
}

// matters reports whether an entry is asked for. What is behind a link of the host is not known yet.
func (h *hunt) matters(o *delta.Overlap, f fact) bool {
	switch {
	case o.Below == "" && !f.Gone:
		return h.All && (h.Own || o.Kind == delta.Whiteout)
	case h.All || f.Gone:
		return true
	case !f.Host:
		return f.Changed && shadow.IsAccounts(f.Path)
	}
	return f.Changed || len(f.Below) > 0 || o.Below == delta.Link
}

// around finds out what an entry hides besides its own path.
func (h *hunt) around(ctx context.Context, s spot, o *delta.Overlap, f *fact) (err error) {
	switch {
	case o.Below == "" && o.Kind != delta.Whiteout && f.Changed && f.Since.Is == nil:
		f.Gone, err = s.view.Bare(o.Path)
	case o.Below == delta.Directory && o.Kind != delta.Directory:
		err = h.hidden(ctx, s, o, f)
	}
	return err
}
