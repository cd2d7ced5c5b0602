package beneath_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
)

// operations is everything that can be done to a path; each is to fail, or to touch nothing but the tree.
func operations(ctx context.Context, spare string) map[string]func(d *beneath.Dir, rel string) error {
	access := beneath.Access{Mode: 0o644}
	return map[string]func(d *beneath.Dir, rel string) error{
		"Lstat":       func(d *beneath.Dir, rel string) error { _, err := d.Lstat(rel); return err },
		"ReadFile":    func(d *beneath.Dir, rel string) error { _, err := d.ReadFile(rel, 1<<20); return err },
		"Readlink":    func(d *beneath.Dir, rel string) error { _, err := d.Readlink(rel); return err },
		"Readdir":     func(d *beneath.Dir, rel string) error { return d.Readdir(rel, func([]string) error { return nil }) },
		"Xattr":       func(d *beneath.Dir, rel string) error { _, _, err := d.Xattr(rel, "user.x"); return err },
		"Xattrs":      func(d *beneath.Dir, rel string) error { _, err := d.Xattrs(rel, nil); return err },
		"SetXattr":    func(d *beneath.Dir, rel string) error { return d.SetXattr(rel, "trusted.x", []byte("y")) },
		"RemoveXattr": func(d *beneath.Dir, rel string) error { return d.RemoveXattr(rel, "trusted.x") },
		"Mkdir":       func(d *beneath.Dir, rel string) error { return d.Mkdir(rel, beneath.Access{Mode: 0o755}) },
		"Create": func(d *beneath.Dir, rel string) error {
			file, err := d.Create(rel, access)
			if err == nil {
				err = file.Close()
			}
			return err
		},
		"WriteFile":  func(d *beneath.Dir, rel string) error { return d.WriteFile(rel, []byte("written"), access) },
		"Rename":     func(d *beneath.Dir, rel string) error { return d.Rename(rel, d, spare) },
		"Rename to":  func(d *beneath.Dir, rel string) error { return d.Rename(spare, d, rel) },
		"Remove":     func(d *beneath.Dir, rel string) error { return d.Remove(rel) },
		"RemoveTree": func(d *beneath.Dir, rel string) error { return d.RemoveTree(ctx, rel) },
	}
}

// outside is what an attacker wants to reach.
func outside(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir+"/dir/file", "precious")
	put(t, dir+"/file", "precious")
	return dir
}

// TestLinksLeadNowhere goes through symbolic links at every place of a path, absolute, relative, to the inside and to itself.
func TestLinksLeadNowhere(t *testing.T) {
	need.Root(t)
	out := outside(t)
	before := tree(t, out)
	for name, operate := range operations(t.Context(), "spare") {
		for _, target := range []string{out, "../../../../../../../.." + out, "inside", ".", "link", "/proc/self/root" + out, "/proc/self/cwd"} {
			root := t.TempDir()
			put(t, root+"/dir/inside/file", "")
			put(t, root+"/inside/file", "")
			put(t, root+"/spare", "")
			do(t, errors.Join(os.Symlink(target, root+"/link"), os.Symlink(target, root+"/dir/link")))
			d := open(t, root)
			for _, rel := range []string{"link/dir/file", "link/dir", "link/file", "dir/link/dir/file", "dir/link/file", "dir/link/new"} {
				if err := operate(d, rel); !errors.Is(err, beneath.ErrLink) {
					t.Errorf("%s of %s, link to %s: %v, want ErrLink", name, rel, target, err)
				}
			}
		}
	}
	if diff := cmp.Diff(before, tree(t, out)); diff != "" {
		t.Errorf("outside (-before +after):\n%s", diff)
	}
}

// TestLastNameIsALink holds that an operation on a link means the link or is refused.
func TestLastNameIsALink(t *testing.T) {
	need.Root(t)
	out := outside(t)
	before := tree(t, out)
	want := map[string]error{
		"Readdir": beneath.ErrLink, "ReadFile": beneath.ErrLink, "Mkdir": fs.ErrExist, "Create": fs.ErrExist, "Rename to": fs.ErrExist,
	}
	for name, operate := range operations(t.Context(), "spare") {
		for _, target := range []string{out + "/file", out + "/dir", "nowhere"} {
			root := t.TempDir()
			put(t, root+"/dir/x", "")
			put(t, root+"/spare", "")
			if name == "Rename" {
				do(t, os.Remove(root+"/spare"))
			}
			do(t, os.Symlink(target, root+"/dir/link"))
			if err := operate(open(t, root), "dir/link"); !errors.Is(err, want[name]) || want[name] == nil && err != nil {
				t.Errorf("%s of a link to %s: %v, want %v", name, target, err, want[name])
			}
		}
	}
	if diff := cmp.Diff(before, tree(t, out)); diff != "" {
		t.Errorf("outside (-before +after):\n%s", diff)
	}
}

// TestNamesThatAreNone holds that no operation takes a path that is not clean and relative.
func TestNamesThatAreNone(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/in/dir/file", "")
	before := tree(t, root)
	d := open(t, root+"/in")
	for name, operate := range operations(t.Context(), "spare") {
		for _, rel := range []string{"", "/", "/dir", "..", "../in", "dir/..", "dir/../../x", "./dir", "dir/.", "dir//file", "dir/", "a\x00b"} {
			if err := operate(d, rel); !errors.Is(err, beneath.ErrName) {
				t.Errorf("%s(%q) = %v, want ErrName", name, rel, err)
			}
		}
	}
	for _, name := range []string{"Mkdir", "WriteFile", "Rename", "Rename to", "Remove", "RemoveTree"} {
		if err := operations(t.Context(), "spare")[name](d, "."); !errors.Is(err, beneath.ErrName) {
			t.Errorf("%s(.) = %v, want ErrName", name, err)
		}
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("the tree (-before +after):\n%s", diff)
	}
}

// TestRacesReachNothing swaps a directory and a link to the outside as fast as it goes, while everything is tried below that name.
func TestRacesReachNothing(t *testing.T) {
	need.Root(t)
	out, root := outside(t), t.TempDir()
	before := tree(t, out)
	put(t, root+"/a/dir/file", "mine")
	do(t, os.Symlink(out, root+"/b"))
	stop := make(chan struct{})
	swapped := make(chan struct{})
	go func() {
		defer close(swapped)
		for {
			select {
			case <-stop:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, root+"/a", unix.AT_FDCWD, root+"/b", unix.RENAME_EXCHANGE)
			}
		}
	}()
	d := open(t, root)
	met := map[bool]int{}
	for range 300 {
		for name, operate := range operations(t.Context(), "spare") {
			do(t, os.RemoveAll(root+"/spare"))
			if name == "Rename to" {
				put(t, root+"/spare", "")
			}
			met[errors.Is(operate(d, "a/dir/file"), beneath.ErrLink)]++
			_ = operate(d, "a/file")
		}
		_ = d.RemoveTree(t.Context(), "a/dir")
		_ = d.Mkdir("a/dir", beneath.Access{Mode: 0o755})
		_ = d.WriteFile("a/dir/file", []byte("mine"), beneath.Access{Mode: 0o644})
		_ = d.Walk(t.Context(), func(e beneath.Entry) error {
			if content, err := e.Dir.ReadFile(e.Name, 100); err == nil && string(content) == "precious" {
				t.Errorf("the walk came to %s", e.Path())
			}
			return nil
		})
	}
	close(stop)
	<-swapped
	if diff := cmp.Diff(before, tree(t, out)); diff != "" {
		t.Errorf("outside (-before +after):\n%s", diff)
	}
	if met[true] == 0 || met[false] == 0 {
		t.Errorf("the race was none: %v", met)
	}
}

// TestSpecialFilesAreNotOpened holds that nothing blocks on a FIFO and no device is ever opened.
func TestSpecialFilesAreNotOpened(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	do(t, unix.Mkfifo(root+"/fifo", 0o644))
	do(t, unix.Mknod(root+"/whiteout", unix.S_IFCHR, 0))
	do(t, unix.Mknod(root+"/full", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 7))))
	do(t, unix.Mknod(root+"/block", unix.S_IFBLK|0o666, int(unix.Mkdev(240, 0))))
	do(t, os.Mkdir(root+"/dir", 0o755))
	socket, err := net.Listen("unix", root+"/socket")
	do(t, err)
	defer socket.Close()
	d := open(t, root)
	for _, name := range []string{"fifo", "whiteout", "full", "block", "dir", "socket"} {
		if _, err := d.OpenRegular(name); !errors.Is(err, beneath.ErrNotRegular) {
			t.Errorf("OpenRegular(%s) = %v, want ErrNotRegular", name, err)
		}
		if _, err := d.Sub(name); name != "dir" && !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("Sub(%s) = %v, want ENOTDIR", name, err)
		}
		if _, err := d.Xattrs(name, nil); err != nil {
			t.Errorf("Xattrs(%s) = %v", name, err)
		}
	}
	if info, err := d.Lstat("full"); err != nil || info.Device != unix.Mkdev(1, 7) || info.Type() != unix.S_IFCHR {
		t.Errorf("Lstat(full) = %+v, %v", info, err)
	}
	for _, name := range []string{"fifo", "whiteout", "full", "block", "dir", "socket"} {
		do(t, d.Remove(name))
	}
	if left := tree(t, root); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// TestOpenRegularIsBounded holds that a file that claims to be huge costs nothing.
func TestOpenRegularIsBounded(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/sparse", "")
	do(t, os.Truncate(root+"/sparse", 1<<40))
	put(t, root+"/ten", "0123456789")
	d := open(t, root)
	if _, err := d.ReadFile("sparse", 1000); !errors.Is(err, beneath.ErrTooLarge) {
		t.Errorf("ReadFile of a terabyte = %v, want ErrTooLarge", err)
	}
	if _, err := d.ReadFile("ten", 9); !errors.Is(err, beneath.ErrTooLarge) {
		t.Errorf("ReadFile(limit 9) = %v, want ErrTooLarge", err)
	}
	if content, err := d.ReadFile("ten", 10); err != nil || string(content) != "0123456789" {
		t.Errorf("ReadFile(limit 10) = %q, %v", content, err)
	}
	file, err := d.OpenRegular("ten")
	do(t, err)
	defer file.Close()
	if content, err := io.ReadAll(file); err != nil || len(content) != 10 {
		t.Errorf("read %q, %v", content, err)
	}
	if _, err := file.WriteString("x"); err == nil {
		t.Error("it can be written")
	}
	if _, err := d.OpenRegular("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenRegular(missing) = %v", err)
	}
}

// TestLstatOfAWalk holds that the short way that a walk takes says the same as Lstat.
func TestLstatOfAWalk(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	put(t, root+"/file", "content")
	put(t, root+"/dir/x", "")
	do(t, os.Link(root+"/file", root+"/hard"))
	do(t, os.Symlink("nowhere", root+"/link"))
	do(t, unix.Mkfifo(root+"/fifo", 0o4711))
	do(t, unix.Mknod(root+"/full", unix.S_IFCHR|0o666, int(unix.Mkdev(259, 70_000))))
	do(t, os.Chown(root+"/full", 1879048192, 4294967294))
	d := open(t, root)
	for _, name := range []string{"file", "dir", "hard", "link", "fifo", "full"} {
		want, err := d.Lstat(name)
		do(t, err)
		if got, err := d.LstatName(name); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	if _, err := d.LstatName("missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}
