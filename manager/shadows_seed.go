package manager

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mask"
)

// seedShadows compares the generated files that a running container is mounted with and that are the host's bytes, or were made of its accounts,
// with the host's of now. What the delta has itself is left out.
func (m *Manager) seedShadows(ctx context.Context, container string, fresh mask.Set, h *hunt) ([]shadow.Shadow, error) {
	live, err := m.host.Live.Load(container)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (live.Mask == "" || !live.Init.Alive()) {
		return nil, nil // the next start has a fresh one
	}
	if err != nil {
		return nil, err
	}
	mounted, err := mask.Cache{Dir: m.Dirs.Masks(), Root: "/"}.Mounted(live.Mask)
	if err != nil {
		return nil, err
	}
	return h.seed(ctx, mounted, fresh)
}

// seed compares a mounted set with the host and with a fresh one.
func (h *hunt) seed(ctx context.Context, mounted, fresh mask.Set) (found []shadow.Shadow, err error) {
	if mounted.Common == fresh.Common {
		return nil, nil // it was made from the host as it is
	}
	copies := map[string]bool{}
	for _, p := range mounted.Copies {
		copies["/"+p] = true
	}
	for _, s := range h.spots {
		facts, err := seedFacts(ctx, s, copies, mounted.Common, fresh.Common)
		if err != nil {
			return nil, err
		}
		for _, f := range facts {
			if v := shadow.Judge(f); v.Hides() && !h.has(f.Path) {
				found = append(found, v)
			}
		}
	}
	return found, nil
}

// has reports whether the delta has something at a path.
func (h *hunt) has(p string) bool {
	s := h.spotOf(p)
	if s.upper == nil {
		return false
	}
	_, err := s.upper.Lstat(s.rel(p))
	return err == nil
}

func seedFacts(ctx context.Context, s spot, copies map[string]bool, mounted, fresh string) (facts []shadow.Facts, err error) {
	old, err := beneath.Open(filepath.Join(mounted, s.point))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer old.Close()
	base := delta.View{Layers: s.view.Layers[len(s.view.Layers)-1:]}
	err = delta.Overlaps(ctx, old, base, func(o *delta.Overlap) error {
		p := absolute(s.point, o.Path)
		f := shadow.Facts{Layer: shadow.Seed, Changed: true}
		switch {
		case copies[p]:
			if f.Change, err = o.Change(false); err != nil {
				return err
			}
			f.Copy, f.Host, f.Gone = true, true, o.Below == ""
			f.Since = shadow.Change{Path: p, Was: &shadow.File{Mode: f.Is.Mode}, Is: &shadow.File{Mode: f.Was.Mode}}
		case shadow.IsAccounts(p):
			f.Change = delta.Change{Class: delta.Changed, Was: delta.State{Kind: delta.File}, Is: delta.State{Kind: delta.File}, Bytes: o.Info.Disk}
			if f.Lacks, err = lackingSeed(p, filepath.Join(fresh, s.point), old, o.Path); err != nil {
				return err
			}
		default:
			return nil
		}
		f.Path = p
		facts = append(facts, f)
		return nil
	})
	return facts, err
}

func lackingSeed(p, fresh string, old *beneath.Dir, rel string) ([]string, error) {
	dir, err := beneath.Open(fresh)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	now, err := dir.ReadFile(rel, shadow.MaxAccounts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	was, err := old.ReadFile(rel, shadow.MaxAccounts)
	return shadow.Lacking(p, now, was), err
}
