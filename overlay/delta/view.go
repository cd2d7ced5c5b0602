package delta

import (
	"errors"
	"strings"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Layer is one of the directories below a delta.
type Layer struct {
	// Dir is the layer. Of the base it is best a clone of the filesystem alone: what lies on or below a mount point counts as not there.
	Dir *beneath.Dir
	// Visible tells which of its paths, relative and clean, a container can see; a directory with something visible in it must be visible.
	// Nil means all. Whiteouts and opaque directories of the layers above are honoured by themselves, so with the mask as a layer the base
	// needs none.
	Visible func(path string) bool
	// Shifted says that its owners lie in the container's range already, as those of a delta do, and are not the host's.
	Shifted bool
}

// View is what a container would see with an empty delta.
type View struct {
	Layers []Layer // topmost first: seed, common, mask, base
	// The container's id range: Start is its root. A Size of 0 is none, its ids are the host's.
	Start, Size uint32
	// CompareLimit is the size above which files of equal size are compared by their times and not by their bytes. 0 is 1 GiB.
	CompareLimit int64
}

const defaultCompareLimit = 1 << 30

func (v View) compareLimit() int64 {
	if v.CompareLimit <= 0 {
		return defaultCompareLimit
	}
	return v.CompareLimit
}

// overflowID is what the kernel shows for an owner that a mount's id map lacks (user_namespaces(7)).
const overflowID = 65534

// inside returns the container's name for an id on disk in the delta, and whether it has one; else the id as it is.
func (v View) inside(id uint32) (uint32, bool) {
	if v.Size == 0 {
		return id, true
	}
	if id < v.Start || id-v.Start >= v.Size {
		return id, false
	}
	return id - v.Start, true
}

// fromLower returns the container's name for an id on disk in a layer.
func (v View) fromLower(l Layer, id uint32) uint32 {
	if l.Shifted {
		if id, ok := v.inside(id); ok {
			return id
		}
		return overflowID
	}
	if v.Size != 0 && id >= v.Size {
		return overflowID
	}
	return id
}

// lower is what a path is below the delta.
type lower struct {
	layer  Layer
	number int // of the layer
	info   beneath.Info
	dirs   []int // if it is a directory: the layers that are merged there
}

// lookUp asks the layers among, topmost first, for a path; all of them have the directory it is in. The layers below the first one are
// asked only if deep, for a directory of the delta. The answer is nil if no layer has the path.
func (v View) lookUp(path string, among []int, deep bool) (*lower, error) {
	return v.lookUpBy(path, among, deep, func(i int) (beneath.Info, error) { return v.Layers[i].Dir.Lstat(path) })
}

// lookUpBy is lookUp with another way to look at the path in a layer.
func (v View) lookUpBy(path string, among []int, deep bool, lstat func(layer int) (beneath.Info, error)) (*lower, error) {
	var found *lower
	for n, i := range among {
		layer := v.Layers[i]
		if layer.Visible != nil && !layer.Visible(path) {
			continue
		}
		info, err := lstat(i)
		if missing(err) || errors.Is(err, beneath.ErrMounted) || errors.Is(err, beneath.ErrLink) {
			continue // a link: a directory was replaced since the layers were asked for it
		}
		if err != nil {
			return nil, err
		}
		if isWhiteout(info) || found != nil && !info.IsDir() {
			return found, nil
		}
		if found == nil {
			found = &lower{layer: layer, number: i, info: info}
		}
		if !info.IsDir() || !deep {
			return found, nil
		}
		found.dirs = append(found.dirs, i)
		if n == len(among)-1 {
			break
		}
		if opaque, _, err := layer.Dir.Xattr(path, opaqueXattr); skipMissing(err) != nil || string(opaque) == "y" {
			return found, skipMissing(err)
		}
	}
	return found, nil
}

// all is the numbers of all layers, which are merged at the root.
func (v View) all() []int {
	all := make([]int, 0, len(v.Layers))
	for i := range v.Layers {
		all = append(all, i)
	}
	return all
}

// Found is what the layers of a view show at a path.
type Found struct {
	State
	Layer int // the number of the one that shows it
}

// Find returns what the layers show at a relative, clean path; found is false if that is nothing. Links are not followed, also not on the way.
func (v View) Find(path string) (f Found, found bool, err error) {
	among := v.all()
	for at := 0; ; {
		next := strings.IndexByte(path[at:], '/')
		last := next < 0
		part := path
		if !last {
			part = path[:at+next]
		}
		low, err := v.lookUp(part, among, !last)
		if err != nil || low == nil || !last && !low.info.IsDir() {
			return Found{}, false, err
		}
		if last {
			state, err := v.was(low, path)
			return Found{State: state, Layer: low.number}, err == nil, skipMissing(err)
		}
		among, at = low.dirs, at+next+1
	}
}

// Bare reports whether no layer hides what the last one has, or could have, at a relative, clean path. It tells a file of a delta that the host
// has no more from one in a place that containers never saw.
func (v View) Bare(path string) (bool, error) {
	base := len(v.Layers) - 1
	if base < 0 || v.Layers[base].Visible != nil && !v.Layers[base].Visible(path) {
		return false, nil
	}
	for _, layer := range v.Layers[:base] {
		hidden, err := layer.hides(path)
		if hidden || err != nil {
			return false, err
		}
	}
	return true, nil
}

// hides reports whether a layer keeps those below it from showing a path.
func (l Layer) hides(path string) (bool, error) {
	for at := 0; ; at++ {
		next := strings.IndexByte(path[at:], '/')
		last := next < 0
		if at += next; last {
			at = len(path)
		}
		info, err := l.Dir.Lstat(path[:at])
		if err != nil || !info.IsDir() {
			return err == nil, skipMissing(err)
		}
		if last {
			return false, nil
		}
		opaque, _, err := l.Dir.Xattr(path[:at], opaqueXattr)
		if err != nil || string(opaque) == "y" {
			return err == nil, skipMissing(err)
		}
	}
}
