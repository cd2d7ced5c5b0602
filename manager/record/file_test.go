package record_test

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/record"
)

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for _, mode := range []os.FileMode{0o600, 0o644, 0o666, 0o400} {
		content := fmt.Sprint("content for ", mode)
		if err := record.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != content {
			t.Errorf("content %q, %v; want %q", got, err, content)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, mode)
		}
	}
	if diff := cmp.Diff([]string{"file"}, tree(t, dir)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
}

// TestWriteFileSweeps: what a crash left goes with the next writing, and what another writer has just begun stays.
func TestWriteFileSweeps(t *testing.T) {
	dir := t.TempDir()
	old, young, foreign := dir+"/.file.tmp-0123456789abcdef", dir+"/.file.tmp-fedcba9876543210", dir+"/.other.tmp-0123456789abcdef"
	for _, path := range []string{old, young, foreign} {
		put(t, path, "left")
	}
	for _, path := range []string{old, foreign} {
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if err := record.WriteFile(dir+"/file", []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Base(young), filepath.Base(foreign), "file"}, tree(t, dir)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	if err := record.RemoveTemps(dir + "/file"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{filepath.Base(foreign), "file"}, tree(t, dir)); diff != "" {
		t.Errorf("on disk after RemoveTemps (-want +got):\n%s", diff)
	}
}

func TestWriteFileReplacesALink(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/precious", "x")
	if err := os.Symlink("precious", dir+"/file"); err != nil {
		t.Fatal(err)
	}
	if err := record.WriteFile(dir+"/file", []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/precious"); err != nil || string(got) != "x" {
		t.Errorf("the link's target is %q, %v", got, err)
	}
	if got, err := os.ReadFile(dir + "/file"); err != nil || string(got) != "new" {
		t.Errorf("the file is %q, %v", got, err)
	}
}

func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/sub/file", "old")
	before := tree(t, dir)
	for _, path := range []string{dir + "/missing/file", dir + "/sub", dir + "/sub/file/x"} {
		if err := record.WriteFile(path, []byte("new"), 0o600); err == nil {
			t.Errorf("WriteFile(%s) says it is done", path)
		}
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Errorf("on disk (-before +after):\n%s", diff)
	}
}

// TestWriteFileUnderLimit lets a write stop in the middle, in a process that may write only so much.
func TestWriteFileUnderLimit(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/file", "old")
	out, err := helper(t, "limit", dir).Output()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("the helper says %q, %v; want EFBIG", out, err)
	}
	checkOld(t, dir)
}

// writeUnderLimit writes more than it may and prints the error.
func writeUnderLimit(path string) {
	signal.Ignore(unix.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: 4096}); err != nil {
		fail(err)
	}
	fmt.Println(record.WriteFile(path, make([]byte, 10000), 0o600))
	os.Exit(0)
}

func checkOld(t *testing.T, dir string) {
	t.Helper()
	if got, err := os.ReadFile(dir + "/file"); err != nil || string(got) != "old" {
		t.Errorf("the old file is %d bytes, %v", len(got), err)
	}
	if diff := cmp.Diff([]string{"file"}, tree(t, dir)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
}

// TestFullDisk runs everything that writes on a file system without a free block, and then without a free inode.
func TestFullDisk(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range []struct {
		summary string
		options string
		fill    func(t *testing.T, dir string)
	}{
		{"no block", "size=256k", fillBlocks},
		{"no inode", "size=1m,nr_inodes=24", fillInodes},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root := t.TempDir()
			if err := unix.Mount("x", root, "tmpfs", 0, test.options); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
			s := record.Open(root + "/lib")
			live := record.OpenLive(root+"/run", bootID)
			r := create(t, s, "web1", 1)
			if err := live.Save("web1", runningLive()); err != nil {
				t.Fatal(err)
			}
			test.fill(t, root)
			before := tree(t, root)
			changed := r
			changed.Spec.Description = strings.Repeat("x", 150)
			for what, err := range map[string]error{
				"Replace": s.Replace(changed),
				"Create":  s.Create(newRecord(t, "web2", 2), makeDelta),
				"Save":    live.Save("web1", runningLive()),
				"many":    errors.Join(s.CreateMany([]record.Record{newRecord(t, "web3", 3), newRecord(t, "web4", 4)}, nil)...),
			} {
				if !errors.Is(err, unix.ENOSPC) {
					t.Errorf("%s = %v, want ENOSPC", what, err)
				}
			}
			if diff := cmp.Diff(before, tree(t, root)); diff != "" {
				t.Errorf("on disk (-before +after):\n%s", diff)
			}
			if got, err := s.Load("web1"); err != nil || !cmp.Equal(got, r) {
				t.Errorf("the record is not the old one: %v", err)
			}
			if got, err := live.Load("web1"); err != nil || !got.Ready {
				t.Errorf("the live state is not the old one: %v", err)
			}
			trash, err := s.Discard("web1")
			if err := errors.Join(err, s.Purge(trash)); err != nil {
				t.Errorf("on a full disk nothing can be destroyed: %v", err)
			}
		})
	}
}

func fillBlocks(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(dir + "/filler")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for {
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

func fillInodes(t *testing.T, dir string) {
	t.Helper()
	for i := range 100 {
		file, err := os.Create(fmt.Sprintf("%s/filler%d", dir, i))
		if err != nil {
			return
		}
		file.Close()
	}
	t.Fatal("the file system has inodes without end")
}
