package generation

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sort"
	"time"

	"golang.org/x/sys/unix"
)

// index is every visible path, in the order of comparePaths. Paths and targets lie in one text, so that the garbage collector has nothing to
// look at in 200 000 entries.
type index struct {
	text    string
	entries []entry
	devs    []uint64
}

// entry is one path. The size of directories is 0, and so is the ctime of those that were last changed by what is in them.
type entry struct {
	path, target       uint32 // offsets in the text
	pathLen, targetLen uint16
	dev                uint16 // number in devs
	young              bool
	mode, uid, gid     uint32 // mode with the type
	size, ino          uint64
	ctime              int64
}

func (x *index) path(e *entry) string   { return x.text[e.path : e.path+uint32(e.pathLen)] }
func (x *index) target(e *entry) string { return x.text[e.target : e.target+uint32(e.targetLen)] }

// find returns the entry of a path, or nil.
func (x *index) find(path string) *entry {
	i, ok := sort.Find(len(x.entries), func(i int) int { return comparePaths(path, x.path(&x.entries[i])) })
	if !ok {
		return nil
	}
	return &x.entries[i]
}

// comparePaths orders paths as a walk meets them that takes the names of each directory in the order of their bytes.
func comparePaths[T string | []byte](a, b T) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	switch {
	case i == n:
		return cmp.Compare(len(a), len(b))
	case a[i] == '/':
		return -1
	case b[i] == '/':
		return 1
	}
	return cmp.Compare(a[i], b[i])
}

// Meta is what the kernel says of one path, and the digest that its package says its bytes have.
type Meta struct {
	Type, Mode, UID, GID uint32    // Type is one of unix.S_IFMT, Mode the permission bits with setuid, setgid and sticky
	Size, Dev, Ino       uint64    // Size is 0 for a directory
	Ctime                time.Time // of a directory: the zero Time
	Target               string    // of a symbolic link
	Digest               string    // as shipped by the package, "md5:..." or "sha256:..."; not computed from the bytes on disk. Empty if not known
}

func (x *index) meta(e *entry) Meta {
	m := Meta{
		Type: e.mode & unix.S_IFMT, Mode: e.mode & 0o7777, UID: e.uid, GID: e.gid,
		Size: e.size, Dev: x.devs[e.dev], Ino: e.ino, Target: x.target(e),
	}
	if e.ctime != 0 && m.Type != unix.S_IFDIR {
		m.Ctime = time.Unix(0, e.ctime)
	}
	return m
}

// same reports whether the path has the bytes that it had: e in x is the older one.
func (x *index) same(e *entry, now *index, n *entry) bool {
	return !e.young && e.mode == n.mode && e.uid == n.uid && e.gid == n.gid && e.size == n.size && e.ino == n.ino &&
		(e.ctime == n.ctime || n.mode&unix.S_IFMT == unix.S_IFDIR) && x.target(e) == now.target(n)
}

// moved reports whether n is a directory in the place of another one, e, or was elsewhere meanwhile for all that can be told: whoever looked into
// what was in its place keeps that.
func (n *entry) moved(e *entry) bool {
	return n.mode&unix.S_IFMT == unix.S_IFDIR && (n.ino != e.ino || n.ctime != 0 && n.ctime != e.ctime)
}

// digest is equal for two indexes between which no path is different, apart from the package manager's own.
func (x *index) digest() string {
	h := sha256.New()
	var buf []byte
	for i := range x.entries {
		e := &x.entries[i]
		if own(x.path(e)) {
			continue
		}
		buf = append(append(append(buf, x.path(e)...), 0), x.target(e)...)
		flag := byte(0)
		if e.young {
			flag = 1
		}
		buf = append(buf, 0, flag)
		for _, n := range []uint64{uint64(e.mode)<<32 | uint64(e.uid), uint64(e.gid), e.size, e.ino, uint64(e.ctime)} {
			buf = binary.LittleEndian.AppendUint64(buf, n)
		}
		if len(buf) > 1<<15 {
			h.Write(buf)
			buf = buf[:0]
		}
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}
