package mask

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what an entry of a layer is.
type Kind uint8

// The kinds of an entry. The zero Kind is not one of them.
const (
	Dir      Kind = iota + 1 // a directory that merges with the one below it
	Opaque                   // a directory that hides what is in the one below it (trusted.overlay.opaque=y)
	Whiteout                 // a character device 0/0, which hides the name
	File                     // a regular file
	Link                     // a symbolic link
)

// Entry is one name in a layer.
type Entry struct {
	// Path is relative to the layer's root, clean, separated by slashes, and any bytes that Linux allows in a name. "." is the root itself.
	Path string
	Kind Kind
	// Mode holds the permission bits with setuid (04000), setgid (02000) and sticky (01000) as in chmod(2). Links and whiteouts ignore it.
	Mode     uint32
	UID, GID uint32
	// Data is the content of a File.
	Data []byte
	// Target is where a Link points.
	Target string
	// ACL is the value of system.posix_acl_access (acl(5)) of a Dir, as the kernel gives it; empty if it has none.
	ACL []byte
}

// Tree is a layer as data: entries sorted by Path, "." first, each path once, every parent present and before its children.
type Tree []Entry

// String lists the tree one entry a line: kind, octal mode, owner:group, path, and the size or target. Paths with unusual bytes are
// quoted as Go strings.
func (t Tree) String() string {
	var b strings.Builder
	for _, e := range t {
		fmt.Fprintf(&b, "%c %o %d:%d %s", " dOWfl"[e.Kind], e.Mode, e.UID, e.GID, printable(e.Path))
		switch e.Kind {
		case File:
			fmt.Fprintf(&b, " (%d)", len(e.Data))
		case Link:
			b.WriteString(" -> " + printable(e.Target))
		default:
		}
		if len(e.ACL) > 0 {
			b.WriteString(" acl=" + hex.EncodeToString(e.ACL))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Find returns the entry at path.
func (t Tree) Find(path string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(t, path, func(e Entry, p string) int { return comparePaths(e.Path, p) })
	if !ok {
		return Entry{}, false
	}
	return t[i], true
}

// Hides reports whether nothing of a layer below t can be seen at path: t has something there, or on the way there, that does not merge.
func (t Tree) Hides(path string) bool {
	for _, p := range lineage(path) {
		if e, ok := t.Find(p); ok && e.Kind != Dir {
			return true
		}
	}
	return false
}

// check says why t cannot be written, or nil.
func (t Tree) check() error {
	var names = make(map[string]Kind, len(t))
	for i, e := range t {
		switch {
		case !clean(e.Path):
			return fmt.Errorf("path %q is not relative and clean", e.Path)
		case e.Kind < Dir || e.Kind > Link:
			return fmt.Errorf("%q is of no kind", e.Path)
		case e.Mode&^0o7777 != 0:
			return fmt.Errorf("mode %o of %q is out of range", e.Mode, e.Path)
		case i > 0 && comparePaths(t[i-1].Path, e.Path) >= 0:
			return fmt.Errorf("%q is not in order", e.Path)
		case e.Path == "." && e.Kind != Dir:
			return errors.New("the root is not a directory that merges")
		case e.Path != "." && parent(e.Path) != "." && !isDir(names[parent(e.Path)]):
			return fmt.Errorf("%q is not below a directory of the tree", e.Path)
		}
		names[e.Path] = e.Kind
	}
	return nil
}

// layer collects entries by path while a tree is decided.
type layer map[string]Entry

func (l layer) put(e Entry) { l[e.Path] = e }

// tree returns what was collected, in order.
func (l layer) tree() Tree {
	t := make(Tree, 0, len(l))
	for _, e := range l {
		t = append(t, e)
	}
	sort.Slice(t, func(i, j int) bool { return comparePaths(t[i].Path, t[j].Path) < 0 })
	return t
}

// comparePaths orders paths by their bytes, the root first; a parent sorts before its children since it is their prefix.
func comparePaths(a, b string) int {
	if a == b {
		return 0
	}
	if a == "." {
		return -1
	}
	if b == "." {
		return 1
	}
	return strings.Compare(a, b)
}

// lineage returns the directories that lead to p, topmost first and without the root, and then p itself.
func lineage(p string) []string {
	var all []string
	for i := range len(p) {
		if p[i] == '/' {
			all = append(all, p[:i])
		}
	}
	return append(all, p)
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	return dir == "." || p == dir || strings.HasPrefix(p, dir+"/")
}

func parent(p string) string { return path.Dir(p) }

func isDir(k Kind) bool { return k == Dir || k == Opaque }

// clean reports whether p is a path inside a layer: relative, without empty, "." or ".." components and without NUL, or "." itself.
func clean(p string) bool {
	if p == "" || len(p) > 4095 || strings.ContainsRune(p, 0) || p[0] == '/' || path.Clean(p) != p {
		return false
	}
	return p != ".." && !strings.HasPrefix(p, "../")
}

// printable returns s itself if it can stand in a line without doubt, else s quoted.
func printable(s string) string {
	plain := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '"' || r == '\\' || unicode.IsSpace(r) || !unicode.IsPrint(r)
	})
	if plain && s != "" {
		return s
	}
	return strconv.Quote(s)
}
