package beneath_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
)

func TestWriteFile(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	put(t, root+"/dir/old", "old")
	put(t, root+"/target", "untouched")
	do(t, os.Symlink("../target", root+"/dir/link"))
	do(t, os.Link(root+"/target", root+"/dir/hard"))
	d := open(t, root)
	access := beneath.Access{UID: 1879048192, GID: 1879048193, Mode: 0o4755}
	for _, rel := range []string{"new", "dir/old", "dir/link", "dir/hard", "dir/\n\xff"} {
		do(t, d.WriteFile(rel, []byte("new"), access))
		info, err := d.Lstat(rel)
		if err != nil || !info.IsRegular() || info.UID != access.UID || info.GID != access.GID || info.Permissions() != access.Mode || info.Size != 3 {
			t.Errorf("%q is %+v, %v", rel, info, err)
		}
	}
	if content, err := os.ReadFile(root + "/target"); err != nil || string(content) != "untouched" {
		t.Errorf("the target of the link has %q, %v", content, err)
	}
	before := tree(t, root)
	if err := d.WriteFile("dir", []byte("x"), access); !errors.Is(err, fs.ErrExist) && !errors.Is(err, unix.EISDIR) {
		t.Errorf("WriteFile over a directory = %v", err)
	}
	if err := d.WriteFile("missing/x", []byte("x"), access); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile in nothing = %v", err)
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" || strings.Contains(before, beneath.TempPrefix) {
		t.Errorf("refused writes left something:\n%s%s", diff, before)
	}
}

func TestMkdirAndCreate(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	do(t, os.Chmod(root, 0o2755)) // what is made in it would get the group and the bit
	d := open(t, root)
	access := beneath.Access{UID: 12, GID: 34, Mode: 0o777}
	do(t, d.Mkdir("dir", access))
	file, err := d.Create("dir/file", access)
	do(t, err)
	_, err = file.WriteString("x")
	do(t, errors.Join(err, file.Close()))
	for _, rel := range []string{"dir", "dir/file"} {
		if info, err := d.Lstat(rel); err != nil || info.UID != 12 || info.GID != 34 || info.Permissions() != 0o777 {
			t.Errorf("%s is %+v, %v", rel, info, err)
		}
		if err := d.Mkdir(rel, access); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Mkdir(%s) again = %v", rel, err)
		}
		if _, err := d.Create(rel, access); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Create(%s) again = %v", rel, err)
		}
	}
	do(t, d.Sync())
}

func TestRename(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	put(t, one+"/dir/file", "1")
	put(t, one+"/other", "2")
	put(t, two+"/taken/x", "3")
	from, to := open(t, one), open(t, two)
	for _, target := range []string{"taken", "taken/x"} {
		if err := from.Rename("dir", to, target); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Rename to %s = %v, want ErrExist", target, err)
		}
	}
	if err := from.Rename("missing", to, "new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Rename of nothing = %v", err)
	}
	do(t, from.Rename("dir", to, "taken/moved"))
	do(t, from.Rename("other", from, "renamed"))
	if diff := cmp.Diff("\"renamed\" -rw-r--r-- \"2\"\n", tree(t, one)); diff != "" {
		t.Errorf("from (-want +got):\n%s", diff)
	}
	if got := tree(t, two); !strings.Contains(got, "\"taken/moved/file\" -rw-r--r-- \"1\"") || !strings.Contains(got, "\"taken/x\" -rw-r--r-- \"3\"") {
		t.Errorf("to:\n%s", got)
	}
}

func TestRemove(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/dir/file", "")
	do(t, os.Symlink("dir", root+"/link"))
	d := open(t, root)
	if err := d.Remove("dir"); !errors.Is(err, unix.ENOTEMPTY) {
		t.Errorf("Remove of a full directory = %v", err)
	}
	for _, rel := range []string{"link", "dir/file", "dir/file", "dir", "dir", "dir/file"} {
		if err := d.Remove(rel); err != nil {
			t.Errorf("Remove(%s) = %v", rel, err)
		}
	}
	if left := tree(t, root); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

func TestXattrs(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	put(t, root+"/file", "")
	put(t, root+"/dir/x", "")
	do(t, os.Symlink("file", root+"/link"))
	do(t, unix.Mkfifo(root+"/fifo", 0o644))
	d := open(t, root)
	for _, rel := range []string{"file", "dir", "link", "fifo", "."} {
		do(t, d.SetXattr(rel, "trusted.overlay.opaque", []byte("y")))
		do(t, d.SetXattr(rel, "trusted.large", bytes.Repeat([]byte(rel), 300)))
		value, found, err := d.Xattr(rel, "trusted.overlay.opaque")
		if err != nil || !found || string(value) != "y" {
			t.Errorf("Xattr(%s) = %q, %v, %v", rel, value, found, err)
		}
		all, err := d.Xattrs(rel, func(name string) bool { return name == "trusted.large" })
		want := map[string][]byte{"trusted.large": bytes.Repeat([]byte(rel), 300)}
		if diff := cmp.Diff(want, all); err != nil || diff != "" {
			t.Errorf("Xattrs(%s): %v (-want +got):\n%s", rel, err, diff)
		}
		for range 2 {
			do(t, d.RemoveXattr(rel, "trusted.overlay.opaque"))
		}
		if _, found, err := d.Xattr(rel, "trusted.overlay.opaque"); found || err != nil {
			t.Errorf("Xattr(%s) after its removal: %v, %v", rel, found, err)
		}
	}
	do(t, d.RemoveXattr("file", "trusted.large"))
	if all, err := d.Xattrs("file", nil); err != nil || len(all) != 0 {
		t.Errorf("the link's attributes went to its target: %v, %v", all, err)
	}
}

func TestOpenAndFrom(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/dir/file", "x")
	do(t, os.Symlink("dir", root+"/link"))
	for _, path := range []string{root + "/link", root + "/dir/file", root + "/missing"} {
		if _, err := beneath.Open(path); err == nil {
			t.Errorf("Open(%s) gives no error", path)
		}
	}
	fd, err := unix.Open(root, unix.O_PATH|unix.O_CLOEXEC, 0)
	do(t, err)
	file := os.NewFile(uintptr(fd), root)
	d, err := beneath.From(file)
	do(t, errors.Join(err, file.Close()))
	defer d.Close()
	sub, err := d.Sub("dir")
	do(t, err)
	defer sub.Close()
	if content, err := sub.ReadFile("file", 10); err != nil || string(content) != "x" {
		t.Errorf("ReadFile = %q, %v", content, err)
	}
	if target, err := d.Readlink("link"); err != nil || target != "dir" {
		t.Errorf("Readlink = %q, %v", target, err)
	}
	if _, err := d.Readlink("dir"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("Readlink of a directory = %v", err)
	}
	if space, err := d.Space(); err != nil || space.Available <= 0 || space.Bytes < space.Available || space.Inodes == 0 {
		t.Errorf("Space = %+v, %v", space, err)
	}
}
