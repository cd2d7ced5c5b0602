package transfer

import (
	"errors"
	"io/fs"
	"os"
)

// ErrUnsafe is wrapped by every error for a stream that tries what no honest one does.
var ErrUnsafe = errors.New("the archive is not safe to unpack")

// ErrTooLarge is wrapped by every error for a stream beyond a limit.
var ErrTooLarge = errors.New("more than the limit")

// Options say how a tree is packed or unpacked. The zero value is safe: files of nobody's in particular, and the default limits.
type Options struct {
	// Archive keeps owners by number, all mode bits and times. Unpack then makes setuid programs and files of any user.
	Archive bool
	Bytes   int64 // of all files of an unpacked stream; 0 for DefaultBytes
	Members int   // of an unpacked stream; 0 for DefaultMembers
}

// The limits of what a stream may take where Options do not say another.
const (
	DefaultBytes   = 16 << 30
	DefaultMembers = 1 << 20
)

// What a path may be at most: the kernel's PATH_MAX, and as many directories as anybody has needed.
const (
	maxPath  = 4096
	maxDepth = 256
)

func (o Options) fill() Options {
	if o.Bytes == 0 {
		o.Bytes = DefaultBytes
	}
	if o.Members == 0 {
		o.Members = DefaultMembers
	}
	return o
}

// permissions returns what is kept of a mode.
func (o Options) permissions(mode fs.FileMode) fs.FileMode {
	if o.Archive {
		return mode & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
	}
	return mode & fs.ModePerm
}

// Report is what a copy did beside what was asked for.
type Report struct {
	Members int
	Bytes   int64
	Skipped int      // devices, sockets, pipes: they are left out
	Some    []string // of the paths of these
}

func (r *Report) skip(path string) {
	const enough = 3
	r.Skipped++
	if len(r.Some) < enough {
		r.Some = append(r.Some, path)
	}
}

// descriptor is the open directory of a root, for the calls that os.Root does not have. The caller closes it.
func descriptor(dir *os.Root) (*os.File, error) { return dir.Open(".") }
