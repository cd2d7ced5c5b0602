package manager

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// hidden finds what of a directory of the host an entry keeps from the container that is no directory itself, or an opaque one.
func (h *hunt) hidden(ctx context.Context, s spot, o *delta.Overlap, f *fact) error {
	if !slices.Contains(o.Merged, len(s.view.Layers)-1) {
		f.Bare = true // what is there is generated
		return nil
	}
	f.Bare = o.Kind == delta.Opaque
	if f.Bare && !h.Since.Ever() {
		err := h.listed(ctx, s, o, func(string) error { f.Bare = false; return fs.SkipAll })
		if err != nil {
			return err
		}
	}
	note := func(p string) error {
		f.Bare = false
		if shadow.IsDatabase(p) {
			return nil // nobody misses that
		}
		if len(f.Below) == shadow.MaxBelow {
			f.More++
			return fs.SkipAll
		}
		f.Below = append(f.Below, p)
		return nil
	}
	if h.Since.Ever() {
		return h.listed(ctx, s, o, note)
	}
	for p := range h.Since.Below(f.Path) {
		if len(f.Below) == shadow.MaxBelow {
			f.More++ // at most: whether the container could see it is not asked any more
			continue
		}
		missed, err := h.missed(s, s.rel(p), o)
		if err != nil {
			return err
		}
		if missed && h.spotOf(p).point == s.point {
			_ = note(p)
		}
	}
	return nil
}

// listed calls note with what the host has below a directory, and the container does not show. fs.SkipAll ends it.
func (h *hunt) listed(ctx context.Context, s spot, o *delta.Overlap, note func(p string) error) error {
	dir, err := s.view.Layers[len(s.view.Layers)-1].Dir.Sub(o.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, beneath.ErrLink) || errors.Is(err, beneath.ErrMounted) {
		return nil // it went while it was looked at
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Walk(ctx, func(e beneath.Entry) error {
		if e.PathLen()+len(o.Path) >= unix.PathMax-1 {
			return fs.SkipDir
		}
		rel := o.Path + "/" + e.Path()
		missed, err := h.missed(s, rel, o)
		if err != nil || !missed {
			return err
		}
		return note(absolute(s.point, rel))
	})
}

// missed reports whether the host could show something other than a directory at a path below an entry, and the delta has nothing there. What it
// has is an entry of its own.
func (h *hunt) missed(s spot, rel string, o *delta.Overlap) (bool, error) {
	found, ok, err := s.view.Find(rel)
	if err != nil || !ok || found.Kind == delta.Directory || found.Layer != len(s.view.Layers)-1 && !h.copies[absolute(s.point, rel)] {
		return false, err
	}
	if o.Kind != delta.Opaque {
		return true, nil
	}
	kind, err := delta.KindOf(s.upper, rel)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, beneath.ErrLink) {
		return true, nil
	}
	return kind == delta.Whiteout, err
}

// through returns what the host's link at an entry leads to, if something there or a link on the way changed, and the entry does not lead to the
// host's files as well.
func (h *hunt) through(f shadow.Facts) (string, error) {
	turned := false
	to, ok, err := resolve(f.Path, f.Was.Target, func(p string) (delta.State, bool, error) {
		state, found, err := h.below(p)
		if _, changed := h.Since.At(p); changed && state.Kind == delta.Link {
			turned = true
		}
		return state, found, err
	})
	if err != nil || !ok || !turned && !h.changedAtOrBelow(to) {
		return "", err
	}
	if f.Is.Kind != delta.Link {
		return to, nil
	}
	_, same, err := resolve(f.Path, f.Is.Target, h.inside)
	if err != nil || same {
		return "", err
	}
	return to, nil
}

func (h *hunt) changedAtOrBelow(p string) bool {
	if _, changed := h.Since.At(p); changed {
		return true
	}
	for range h.Since.Below(p) {
		return true
	}
	return false
}

// below is what the layers below the delta show at a path.
func (h *hunt) below(p string) (delta.State, bool, error) {
	s := h.spotOf(p)
	found, ok, err := s.view.Find(s.rel(p))
	return found.State, ok, err
}

// inside is below for what the delta lets through: nothing where it has something of its own.
func (h *hunt) inside(p string) (delta.State, bool, error) {
	if s := h.spotOf(p); s.upper != nil {
		kind, err := delta.KindOf(s.upper, s.rel(p))
		if err == nil && kind != delta.Directory {
			return delta.State{}, false, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return delta.State{}, false, err
		}
	}
	return h.below(p)
}

// maxHops is how many links the kernel follows on one path.
const maxHops = 40

// resolve follows the target of a link at the path from, which has no links on the way, and returns a path without any. It is not ok if it
// leads to nothing.
func resolve(from, target string, find func(string) (delta.State, bool, error)) (to string, ok bool, err error) {
	at, rest := path.Dir(from), strings.Split(target, "/")
	if strings.HasPrefix(target, "/") {
		at = "/"
	}
	for hops := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if name == ".." {
			at = path.Dir(at)
			continue
		}
		next := absolute(at, name)
		if len(next) >= unix.PathMax {
			return "", false, nil
		}
		state, found, err := find(next)
		if err != nil || !found {
			return "", false, err
		}
		if state.Kind != delta.Link {
			at = next
			continue
		}
		if hops++; hops > maxHops {
			return "", false, nil
		}
		if strings.HasPrefix(state.Target, "/") {
			at = "/"
		}
		rest = append(strings.Split(state.Target, "/"), rest...)
	}
	return at, true, nil
}

// absolute is the path of rel in a directory.
func absolute(dir, rel string) string {
	if rel == "." {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + rel
}
