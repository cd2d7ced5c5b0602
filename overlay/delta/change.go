package delta

import "strings"

// Class says in what way a path differs.
type Class string

// The classes.
const (
	Added    Class = "added"    // no lower layer has it
	Changed  Class = "changed"  // it is something else, has other content, or is a directory that hides what was in it
	Removed  Class = "removed"  // a whiteout hides it
	Metadata Class = "metadata" // the content is the same, the mode, owner or extended attributes are not
	// Same is a file, or anything else but a directory, that was copied up and does not differ now. It is no difference, and yet no patch of it
	// can arrive: whoever shows differences leaves it out.
	Same Class = "same"
)

// State is what there is at a path, with the ids that the container sees.
type State struct {
	Kind     Kind // "" if there is nothing
	Mode     uint32
	UID, GID uint32
	Foreign  bool   // the owner lies outside the container's range and is given as on disk
	Size     int64  // of a file, apparent bytes
	Target   string // of a link
	Device   uint64 // of a device, its number
}

// Change is one path that differs.
type Change struct {
	Path    string // any bytes but NUL: whoever shows it must make it safe. Diff gives it relative, Delta.Diff as the container names it
	Class   Class
	Was, Is State
	// Fields tells what differs: "type", "content", "target", "device", "mode", "owner", "hidden" (a directory hides what the lower ones had
	// in it) and "xattr NAME".
	Fields []string
	// Bytes is what it takes on disk in the delta; a file with several names counts with each.
	Bytes int64
	// Guess says that the content was not compared byte by byte, being larger than the limit, and that size and time were taken for it.
	Guess bool
	// Cut says that what is in this directory is not reported: its paths are longer than any program can name (PATH_MAX).
	Cut bool
}

// class decides from what differs.
func class(fields []string) Class {
	if len(fields) == 0 {
		return Same
	}
	for _, f := range fields {
		if f != "mode" && f != "owner" && !strings.HasPrefix(f, "xattr ") {
			return Changed
		}
	}
	return Metadata
}
