package overlay

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Option is one overlayfs mount option.
type Option struct{ Key, Value string }

// Options are written out at every mount, the inner's and the outer's: the kernel allows a lower layer to change between mounts only if
// index, metacopy, redirect_dir and xino were never used (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems"),
// and its defaults can be changed by module parameters.
func Options() []Option {
	return []Option{{"index", "off"}, {"metacopy", "off"}, {"xino", "off"}, {"redirect_dir", "nofollow"}, {"nfs_export", "off"}}
}

// Stack is the pair of overlays for one host filesystem, top to bottom: Upper (with Work), Seed, Common, and the inner overlay of Mask and
// Base. All paths are absolute. Seed and Common need not exist: there may be nothing generated below Point.
type Stack struct {
	Point       string // where it is mounted in the container
	Upper, Work string
	Seed        string
	Common      string
	Mask        string
	Base        string // mount point of the host filesystem, the same as Point
}

// Dirs are the directories of one container from which Plan makes stacks.
type Dirs struct {
	Delta  string // /var/lib/sysctr/containers/NAME/delta
	Seed   string // /run/sysctr/seed/NAME
	Common string // the profile's generated layer
	Mask   string // the profile's mask
}

// Plan makes one stack for each host filesystem, in the order given. It is pure: which of the layers exist below a mount point is for
// overlay/mount to see.
func Plan(filesystems []Filesystem, d Dirs) []Stack {
	stacks := make([]Stack, 0, len(filesystems))
	for _, fs := range filesystems {
		delta := DeltaDir(d.Delta, fs.Point)
		stacks = append(stacks, Stack{
			Point:  fs.Point,
			Upper:  filepath.Join(delta, "upper"),
			Work:   filepath.Join(delta, "work"),
			Seed:   filepath.Join(d.Seed, fs.Point),
			Common: filepath.Join(d.Common, fs.Point),
			Mask:   filepath.Join(d.Mask, fs.Point),
			Base:   fs.Point,
		})
	}
	return stacks
}

// DeltaDir returns the directory that holds upper and work of the host filesystem mounted at point: the delta itself for the root, else
// delta/fs/ESCAPED, one flat name per mount point, so that a delta never nests in another.
func DeltaDir(delta, point string) string {
	if point == "/" {
		return delta
	}
	return filepath.Join(delta, "fs", url.PathEscape(strings.TrimPrefix(point, "/")))
}

// String shows the stack as the design draws it, top layer first.
func (s Stack) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  outer  upper  %s\n         work   %s\n         seed   %s\n         common %s\n", s.Point, s.Upper, s.Work, s.Seed, s.Common)
	fmt.Fprintf(&b, "  inner  mask   %s\n         base   %s (idmapped, read-only)\n  options ", s.Mask, s.Base)
	for i, o := range Options() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(o.Key + "=" + o.Value)
	}
	return b.String() + "\n"
}
