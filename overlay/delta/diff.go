package delta

import (
	"context"
	"io/fs"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Diff reports every change that one upper makes to a view, in the order of Walk. It walks the upper alone, see Overlaps. The path of the upper
// itself is ".". A directory that is merely copied up is no change. A whiteout of what no layer has any more is none either. An error of report
// ends it and is returned as it is.
//
// The container may run; then what changes meanwhile is reported as it was or as it is. Memory is as for Walk.
func Diff(ctx context.Context, upper *beneath.Dir, v View, report func(Change) error) error {
	return Overlaps(ctx, upper, v, func(o *Overlap) error {
		if o.Below == "" && (o.Kind == Whiteout || o.Path == ".") {
			return nil
		}
		c, err := o.Change(true)
		if err != nil {
			return skipMissing(err) // it went while it was looked at
		}
		if c.Class == Same && c.Is.Kind == Directory {
			return nil
		}
		if err := report(c); err != nil || !c.Cut {
			return err
		}
		return fs.SkipDir
	})
}

// is describes an entry of the delta.
func (v View) is(dir *beneath.Dir, name string, info beneath.Info, kind Kind) (State, error) {
	s, err := describe(dir, name, info)
	s.Kind = kind
	uid, mine := v.inside(info.UID)
	gid, too := v.inside(info.GID)
	s.UID, s.GID, s.Foreign = uid, gid, !mine || !too
	return s, err
}

// was describes what a path is below the delta.
func (v View) was(low *lower, path string) (State, error) {
	s, err := describe(low.layer.Dir, path, low.info)
	s.UID, s.GID = v.fromLower(low.layer, low.info.UID), v.fromLower(low.layer, low.info.GID)
	return s, err
}

// describe is all of a State but its owner.
func describe(dir *beneath.Dir, path string, info beneath.Info) (s State, err error) {
	s = State{Kind: kindOf(info), Mode: info.Permissions()}
	switch s.Kind {
	case File:
		s.Size = info.Size
	case Link:
		s.Target, err = dir.Readlink(path)
	case Device:
		s.Device = info.Device
	default:
	}
	return s, err
}
