package delta

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Kind is what an entry is to overlayfs.
type Kind string

// The kinds. A directory that is not opaque is merged with the lower ones of its name.
const (
	Whiteout  Kind = "whiteout"
	Opaque    Kind = "opaque directory"
	Directory Kind = "directory"
	File      Kind = "file"
	Link      Kind = "link"
	Fifo      Kind = "fifo"
	Socket    Kind = "socket"
	Device    Kind = "device"
)

// The attributes that overlayfs reads, see Documentation/filesystems/overlayfs.rst. What a container sets under such a name is stored as
// trusted.overlay.overlay.*, which means nothing and has none of these names.
const (
	overlayPrefix = "trusted.overlay."
	opaqueXattr   = overlayPrefix + "opaque"   // "y": opaque; "x": merged, and listings leave out whiteouts of the second form
	whiteoutXattr = overlayPrefix + "whiteout" // on an empty regular file: a whiteout of the second form; look-ups honour it in any directory
)

// Entry is one entry of an upper, valid only until the visit returns.
type Entry struct {
	beneath.Entry
	Kind Kind
}

// Walk calls visit for every entry below upper, a directory before what is in it and in the order of the names' bytes, with what it is to
// overlayfs. Errors of visit, changes meanwhile and memory are as for beneath.Dir.Walk.
func Walk(ctx context.Context, upper *beneath.Dir, visit func(Entry) error) error {
	return upper.Walk(ctx, func(e beneath.Entry) error {
		kind, err := classify(e)
		if err != nil {
			return skipMissing(err)
		}
		return visit(Entry{Entry: e, Kind: kind})
	})
}

// KindOf returns what the path rel of an upper is to overlayfs.
func KindOf(upper *beneath.Dir, rel string) (Kind, error) {
	info, err := upper.Lstat(rel)
	if err != nil {
		return "", err
	}
	return classify(beneath.Entry{Name: rel, Info: info, Dir: upper})
}

func classify(e beneath.Entry) (Kind, error) {
	switch {
	case isWhiteout(e.Info):
		return Whiteout, nil
	case e.Info.IsDir():
		value, _, err := e.Dir.Xattr(e.Name, opaqueXattr)
		if string(value) == "y" {
			return Opaque, err
		}
		return Directory, err
	case e.Info.IsRegular() && e.Info.Size == 0:
		_, found, err := e.Dir.Xattr(e.Name, whiteoutXattr)
		if found {
			return Whiteout, err
		}
		return File, err
	}
	return kindOf(e.Info), nil
}

// isWhiteout tells the first form: a character device with the number 0/0.
func isWhiteout(info beneath.Info) bool { return info.Type() == unix.S_IFCHR && info.Device == 0 }

// kindOf is the kind of what is no whiteout and not opaque.
func kindOf(info beneath.Info) Kind {
	switch info.Type() {
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFREG:
		return File
	case unix.S_IFLNK:
		return Link
	case unix.S_IFIFO:
		return Fifo
	case unix.S_IFSOCK:
		return Socket
	}
	return Device
}
