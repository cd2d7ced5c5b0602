package mask

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Aspect says what of an input the trees depend on, besides its type, owner and mode.
type Aspect uint8

const (
	withContent Aspect = 1 << iota // names in a directory, bytes of a file, target of a link
	withACL                        // access ACL of a directory
)

// Input is one path of the host that trees were made from, as it was then. Times are in nanoseconds since the epoch.
type Input struct {
	Path   string `json:"path,omitempty"`
	Aspect Aspect `json:"aspect,omitempty"`
	// Mode is the full st_mode; 0 says that there was nothing.
	Mode uint32 `json:"mode,omitempty"`
	UID  uint32 `json:"uid,omitempty"`
	GID  uint32 `json:"gid,omitempty"`
	// Dev, Ino, Size, Mtime and Ctime are kept where the content counts.
	Dev   uint64 `json:"dev,omitempty"`
	Ino   uint64 `json:"ino,omitempty"`
	Size  int64  `json:"size,omitempty"`
	Mtime int64  `json:"mtime,omitempty"`
	Ctime int64  `json:"ctime,omitempty"`
	ACL   []byte `json:"acl,omitempty"`
	// Young says that the input changed so shortly before it was read that a further change could carry the same time. It is never fresh.
	Young bool `json:"young,omitempty"`
}

// Fresh reports whether the path below root is still what it was: same type, owner and mode, and where these count the same content (by
// inode, size, mtime and ctime; no program can set a ctime) and ACL. In doubt it is not.
func (i Input) Fresh(root string) bool {
	h, err := openHost(root)
	if err != nil {
		return false
	}
	defer h.close()
	return i.fresh(h.fd)
}

func (i Input) fresh(root int) bool {
	if i.Young {
		return false
	}
	// One plain call: should the way there have become a link, the inputs of the directories on the way are no longer fresh.
	var st unix.Stat_t
	err := unix.Fstatat(root, i.Path, &st, unix.AT_SYMLINK_NOFOLLOW)
	n := nodeOf(&st)
	if missing(err) {
		n, err = node{}, nil
	}
	if err != nil || n.mode != i.Mode || n.uid != i.UID || n.gid != i.GID {
		return false
	}
	if i.Aspect&withContent != 0 &&
		(n.dev != i.Dev || n.ino != i.Ino || n.size != i.Size || n.mtime != i.Mtime || n.ctime != i.Ctime) {
		return false
	}
	if i.Aspect&withACL == 0 {
		return true
	}
	acl, err := aclBelow(root, i.Path)
	return err == nil && bytes.Equal(acl, i.ACL)
}

// note keeps what was seen at p; several notes of one path add up.
func (h *host) note(p string, n node, a Aspect, acl []byte) {
	old, again := h.inputs[p]
	if again && (old.Mode != n.mode || old.UID != n.uid || old.GID != n.gid) {
		old.Young = true // it changed while we looked: some of the tree may rest on the older look
	}
	if a&withContent == 0 && old.Aspect&withContent != 0 {
		old.Aspect |= a
		if a&withACL != 0 {
			old.ACL = acl
		}
		h.inputs[p] = old
		return
	}
	in := Input{Path: p, Aspect: old.Aspect | a, Mode: n.mode, UID: n.uid, GID: n.gid, ACL: old.ACL, Young: old.Young}
	if a&withACL != 0 {
		in.ACL = acl
	}
	if in.Aspect&withContent != 0 {
		in.Dev, in.Ino, in.Size, in.Mtime, in.Ctime = n.dev, n.ino, n.size, n.mtime, n.ctime
		in.Young = in.Young || young(n.ctime, h.now)
	}
	h.inputs[p] = in
}

// young reports whether a second change after ctime could leave the same ctime. Kernels stamp files with the time of the last tick (10 ms
// at most), and some file systems keep whole seconds only. A ctime in the future says that the clock was set back.
func young(ctime int64, now time.Time) bool {
	grain := 20 * time.Millisecond
	if ctime%int64(time.Second) == 0 {
		grain = 2 * time.Second
	}
	return now.UnixNano()-ctime < int64(grain)
}

// seen returns all inputs in the order of their paths.
func (h *host) seen() []Input {
	all := make([]Input, 0, len(h.inputs))
	for _, in := range h.inputs {
		all = append(all, in)
	}
	slices.SortFunc(all, func(a, b Input) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// allFresh reports whether every input is fresh below root.
func allFresh(root string, inputs []Input) bool {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	for _, in := range inputs {
		if !in.fresh(fd) {
			return false
		}
	}
	return true
}
