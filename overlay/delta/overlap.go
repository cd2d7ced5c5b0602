package delta

import (
	"context"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Overlap is an entry of an upper and what the layers below have at its path, valid only until the visit returns. What is in it cost no
// reading; Change reads.
type Overlap struct {
	Path  string // relative to the upper, "." for its root; any bytes but NUL
	Kind  Kind
	Info  beneath.Info
	Below Kind // what the layers below show there; "" for nothing
	Layer int  // the number in View.Layers of the one that shows it
	// Merged are the numbers of the layers that are merged in the directory below, if it is one.
	Merged []int
	Cut    bool // it is too deep to be named (PATH_MAX), so no layer has it

	d     *differ
	dir   *beneath.Dir
	name  string
	low   *lower
	among []int
}

// Overlaps calls visit for the root of an upper and then for every entry, in the order and with the errors of Walk. It asks the layers for
// those paths alone that the upper has: what was in a directory that is now hidden or removed is not listed, and of a directory that no
// layer has nothing more is asked. What was visited and has gone is left out.
func Overlaps(ctx context.Context, upper *beneath.Dir, v View, visit func(*Overlap) error) error {
	d := differ{upper: upper, view: v, merged: [][]int{v.all()}, beside: make([]*beneath.Dir, len(v.Layers))}
	defer d.leave()
	root, err := d.root()
	if err == nil {
		err = visit(root)
	}
	if err != nil {
		return err
	}
	return Walk(ctx, upper, func(e Entry) error {
		o, err := d.overlap(e)
		if err != nil {
			return fmt.Errorf("compare with the layers below: %w", err)
		}
		return visit(o)
	})
}

// Change compares the two and reads what it must for that; extended attributes only if asked, since they take as long as all the rest. Its class
// is Added for what nothing is below, Removed for a whiteout. The error wraps fs.ErrNotExist if the entry has gone meanwhile.
func (o *Overlap) Change(attributes bool) (c Change, err error) {
	c = Change{Path: o.Path, Bytes: o.Info.Disk}
	switch {
	case o.Kind == Whiteout:
		c.Class = Removed
		if o.low != nil {
			c.Was, err = o.d.view.was(o.low, o.Path)
		}
	case o.low == nil:
		c.Class, c.Cut = Added, o.Cut && o.Info.IsDir()
		c.Is, err = o.d.view.is(o.dir, o.name, o.Info, o.Kind)
	default:
		err = o.d.compare(&c, o, attributes)
	}
	return c, err
}

// differ is the state of one walk over the overlaps.
type differ struct {
	upper  *beneath.Dir
	view   View
	merged [][]int // by depth: the layers that are merged in the directories on the way
	buffer [2][]byte
	// The directory of the upper that was met last, and those of the same path in the layers, as far as they have been opened: most look-ups
	// are so of a single name.
	in     *beneath.Dir
	beside []*beneath.Dir
}

// leave closes what was opened beside a directory.
func (d *differ) leave() {
	for i, dir := range d.beside {
		if dir != nil {
			_ = dir.Close() // read only
			d.beside[i] = nil
		}
	}
}

// lstat looks at the path of an overlap in a layer.
func (d *differ) lstat(o *Overlap, layer int) (beneath.Info, error) {
	above := len(o.Path) - len(o.name) - 1
	if above < 0 {
		return d.view.Layers[layer].Dir.Lstat(o.Path)
	}
	if d.in != o.dir {
		d.leave()
		d.in = o.dir
	}
	if d.beside[layer] == nil {
		dir, err := d.view.Layers[layer].Dir.Sub(o.Path[:above])
		if err != nil {
			return beneath.Info{}, err
		}
		d.beside[layer] = dir
	}
	return d.beside[layer].Lstat(o.name)
}

// root compares the upper's root itself: container root can change the mode of /.
func (d *differ) root() (*Overlap, error) {
	info, err := d.upper.Lstat(".")
	if err != nil {
		return nil, err
	}
	return d.meet(&Overlap{Path: ".", Kind: Directory, Info: info, dir: d.upper, name: ".", among: d.merged[0], Merged: d.merged[0]}, false)
}

func (d *differ) overlap(e Entry) (*Overlap, error) {
	o := &Overlap{Path: e.Path(), Kind: e.Kind, Info: e.Info, dir: e.Dir, name: e.Name, among: d.merged[e.Depth-1], d: d, Layer: -1}
	if o.Cut = e.PathLen() >= unix.PathMax; o.Cut {
		return o, nil
	}
	o, err := d.meet(o, true)
	if err == nil && e.Info.IsDir() {
		d.merged = append(d.merged[:e.Depth], o.Merged)
	}
	return o, err
}

// meet looks up what is below an entry.
func (d *differ) meet(o *Overlap, deep bool) (_ *Overlap, err error) {
	o.d, o.Layer = d, -1
	lstat := func(layer int) (beneath.Info, error) { return d.lstat(o, layer) }
	if o.low, err = d.view.lookUpBy(o.Path, o.among, deep, lstat); err == nil && o.low != nil {
		o.Below, o.Layer = kindOf(o.low.info), o.low.number
		if deep {
			o.Merged = o.low.dirs
		}
	}
	return o, err
}
