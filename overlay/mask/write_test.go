package mask_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/mask"
)

// An ACL of user::rwx, user:33:r-x, group::r-x, mask::r-x, other::r-x.
const aclHex = "02000000" + "01000700ffffffff" + "0200050021000000" + "04000500ffffffff" + "10000500ffffffff" + "20000500ffffffff"

func TestWrite(t *testing.T) {
	need.Root(t)
	acl, err := hex.DecodeString(aclHex)
	if err != nil {
		t.Fatal(err)
	}
	tree := mask.Tree{
		{Path: ".", Kind: mask.Dir, Mode: 0o751, UID: 1, GID: 2},
		{Path: "d", Kind: mask.Dir, Mode: 0o2755, UID: 3, GID: 70000, ACL: acl},
		{Path: "d/f", Kind: mask.File, Mode: 0o4754, UID: 0, GID: 101, Data: []byte("data")},
		{Path: "d/o", Kind: mask.Opaque, Mode: 0o1777},
		{Path: "d/o/l", Kind: mask.Link, UID: 5, GID: 6, Target: "/dev/null"},
		{Path: "d/w", Kind: mask.Whiteout},
	}
	for _, shift := range []mask.Shift{{}, {Base: 0x70000000}} {
		dir := filepath.Join(t.TempDir(), "layer")
		if err := mask.Write(dir, tree, shift); err != nil {
			t.Fatal(err)
		}
		for _, e := range tree {
			checkEntry(t, filepath.Join(dir, e.Path), e, shift)
		}
		got := make([]byte, 256)
		n, err := unix.Lgetxattr(filepath.Join(dir, "d"), "system.posix_acl_access", got)
		want := aclHex
		if shift.Base != 0 {
			want = strings.Replace(aclHex, "21000000", "21000070", 1)
		}
		if err != nil || hex.EncodeToString(got[:n]) != want {
			t.Errorf("ACL %x (%v), want %s", got[:max(n, 0)], err, want)
		}
	}
}

func checkEntry(t *testing.T, at string, e mask.Entry, shift mask.Shift) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(at, &st); err != nil {
		t.Fatal(err)
	}
	types := map[mask.Kind]uint32{mask.Dir: unix.S_IFDIR, mask.Opaque: unix.S_IFDIR, mask.File: unix.S_IFREG, mask.Link: unix.S_IFLNK, mask.Whiteout: unix.S_IFCHR}
	if st.Mode&unix.S_IFMT != types[e.Kind] || e.Kind == mask.Whiteout && st.Rdev != 0 {
		t.Errorf("%s: mode %o rdev %d", e.Path, st.Mode, st.Rdev)
	}
	opaque := make([]byte, 8)
	n, err := unix.Lgetxattr(at, "trusted.overlay.opaque", opaque)
	if got := err == nil && string(opaque[:n]) == "y"; got != (e.Kind == mask.Opaque) {
		t.Errorf("%s: opaque %v", e.Path, got)
	}
	if e.Kind == mask.Whiteout {
		return
	}
	uid, gid := e.UID, e.GID
	if shift.Base != 0 {
		uid, gid = shift.Base+min(uid, 65534), shift.Base+min(gid, 65534)
	}
	if st.Uid != uid || st.Gid != gid {
		t.Errorf("%s: owner %d:%d, want %d:%d", e.Path, st.Uid, st.Gid, uid, gid)
	}
	if e.Kind != mask.Link && st.Mode&0o7777 != e.Mode {
		t.Errorf("%s: mode %o, want %o", e.Path, st.Mode&0o7777, e.Mode)
	}
	if data, err := os.ReadFile(at); e.Kind == mask.File && string(data) != string(e.Data) {
		t.Errorf("%s: %q (%v)", e.Path, data, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := func(p string) mask.Entry { return mask.Entry{Path: p, Kind: mask.Dir, Mode: 0o755} }
	for _, test := range []struct {
		summary string
		tree    mask.Tree
		err     string
	}{
		{"dots", mask.Tree{dir("../x")}, "clean"},
		{"inner dots", mask.Tree{dir("a"), dir("a/../../x")}, "clean"},
		{"absolute", mask.Tree{dir("/x")}, "clean"},
		{"empty", mask.Tree{dir("")}, "clean"},
		{"NUL", mask.Tree{dir("a\x00")}, "clean"},
		{"no kind", mask.Tree{{Path: "a"}}, "kind"},
		{"mode", mask.Tree{{Path: "a", Kind: mask.File, Mode: 0o100644}}, "mode"},
		{"order", mask.Tree{dir("b"), dir("a")}, "order"},
		{"twice", mask.Tree{dir("a"), dir("a")}, "order"},
		{"no parent", mask.Tree{dir("a/b")}, "below a directory"},
		{"below a link", mask.Tree{{Path: "a", Kind: mask.Link, Target: "/"}, dir("a/b")}, "below a directory"},
		{"root is a file", mask.Tree{{Path: ".", Kind: mask.File}}, "root"},
		{"a broken ACL, found while writing", mask.Tree{{Path: "a", Kind: mask.Dir, Mode: 0o755, ACL: []byte("xyz")}}, "ACL"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			at := t.TempDir()
			err := mask.Write(filepath.Join(at, "layer"), test.tree, mask.Shift{})
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("Write = %v, want %q", err, test.err)
			}
			if left, err := os.ReadDir(at); err != nil || len(left) != 0 {
				t.Errorf("left %v (%v)", left, err)
			}
		})
	}
}

func TestWriteIsWholeOrNothing(t *testing.T) {
	need.Root(t)
	at := filepath.Join(t.TempDir(), "layer")
	if err := os.MkdirAll(at+".new/rest", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := mask.Write(at, mask.Tree{{Path: "a", Kind: mask.Whiteout}}, mask.Shift{}); err != nil {
		t.Fatalf("over the rest of a killed run: %v", err)
	}
	if err := mask.Write(at, mask.Tree{{Path: "b", Kind: mask.Whiteout}}, mask.Shift{}); err == nil {
		t.Error("Write over an existing layer succeeded")
	}
	entries, err := os.ReadDir(at)
	if err != nil || len(entries) != 1 || entries[0].Name() != "a" {
		t.Errorf("layer has %v (%v), want what was written first", entries, err)
	}
	if _, err := os.Lstat(at + ".new"); !os.IsNotExist(err) {
		t.Errorf(".new is left (%v)", err)
	}
}

// A file system that fills up half-way leaves nothing, and says so.
func TestWriteOnFullTmpfs(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		at := t.TempDir()
		mountTmpfs(t, at, "size=64k")
		err := mask.Write(filepath.Join(at, "layer"), mask.Tree{{Path: "a", Kind: mask.File, Data: make([]byte, 1<<20)}}, mask.Shift{})
		if err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("Write = %v, want no space", err)
		}
		if left, err := os.ReadDir(at); err != nil || len(left) != 0 {
			t.Errorf("left %v (%v)", left, err)
		}
	})
}
