package delta

import (
	"context"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Diff reports every change that one upper makes to a view, in the order of Walk. It walks the upper alone and asks the layers for those
// paths that it meets: what was in a directory that is now hidden or removed is not listed, and of a directory that no layer has nothing
// more is asked. The path of the upper itself is ".". A directory that is merely copied up is no change. A whiteout of what no layer has any
// more is none either. An error of report ends it and is returned as it is.
//
// The container may run; then what changes meanwhile is reported as it was or as it is. Memory is as for Walk.
func Diff(ctx context.Context, upper *beneath.Dir, v View, report func(Change) error) error {
	d := differ{upper: upper, view: v, report: report, merged: [][]int{v.all()}}
	if err := d.root(); err != nil {
		return err
	}
	return Walk(ctx, upper, d.entry)
}

// differ is the state of one Diff.
type differ struct {
	upper  *beneath.Dir
	view   View
	report func(Change) error
	merged [][]int // by depth: the layers that are merged in the directories on the way
	buffer [2][]byte
}

// root compares the upper's root itself: container root can change the mode of /.
func (d *differ) root() error {
	info, err := d.upper.Lstat(".")
	if err != nil {
		return err
	}
	low, err := d.view.lookUp(".", d.merged[0], false)
	if err != nil || low == nil {
		return err
	}
	change := Change{Path: ".", Bytes: info.Disk}
	if err := d.compare(&change, d.upper, ".", info, Directory, low); err != nil {
		return err
	}
	return d.tell(change)
}

func (d *differ) entry(e Entry) error {
	if e.PathLen() >= unix.PathMax {
		return d.cut(e)
	}
	path := e.Path()
	low, err := d.view.lookUp(path, d.merged[e.Depth-1], e.Info.IsDir())
	if err != nil {
		return fmt.Errorf("compare with the layers below: %w", err)
	}
	if e.Info.IsDir() {
		d.merged = append(d.merged[:e.Depth], nil)
		if low != nil {
			d.merged[e.Depth] = low.dirs
		}
	}
	change := Change{Path: path, Bytes: e.Info.Disk}
	switch {
	case e.Kind == Whiteout && low == nil:
		return nil
	case e.Kind == Whiteout:
		change.Class = Removed
		change.Was, err = d.view.was(low, path)
	case low == nil:
		change.Class = Added
		change.Is, err = d.view.is(e.Dir, e.Name, e.Info, e.Kind)
	default:
		err = d.compare(&change, e.Dir, e.Name, e.Info, e.Kind, low)
	}
	if err != nil {
		return skipMissing(err) // it went while it was looked at
	}
	return d.tell(change)
}

func (d *differ) tell(c Change) error {
	if c.Class == Same && c.Is.Kind == Directory {
		return nil
	}
	return d.report(c)
}

// cut reports what is too deep to be named. No layer has it, since its own path would be as long.
func (d *differ) cut(e Entry) error {
	change := Change{Path: e.Path(), Class: Added, Bytes: e.Info.Disk, Cut: e.Info.IsDir()}
	is, err := d.view.is(e.Dir, e.Name, e.Info, e.Kind)
	if err != nil {
		return skipMissing(err)
	}
	change.Is = is
	if err := d.report(change); err != nil {
		return err
	}
	if e.Info.IsDir() {
		return fs.SkipDir
	}
	return nil
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
