package e2e_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLookCp copies files out of and into containers.
func TestLookCp(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("<1..3>"), "--profile", "command", "--set", "command=[/bin/sleep, 100000]", "--set", "tags=fleet", "--start")
	l.must(t, "create", l.name("off"), "--profile", "command", "--set", "command=[/bin/true]")
	from := t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(from, "tree/sub dir"), 0o755), os.WriteFile(filepath.Join(from, "tree/-n \n'\"$x"), []byte("\x00\xff\n\x00"), 0o640),
		os.WriteFile(filepath.Join(from, "tree/sub dir/run"), bytes.Repeat([]byte("0123456789"), 300_000), 0o4755),
		os.Chown(filepath.Join(from, "tree/sub dir/run"), 33, 34), unix.Chmod(filepath.Join(from, "tree/sub dir/run"), 0o4755),
		os.Symlink("../../../etc/shadow", filepath.Join(from, "tree/link")), unix.Mkfifo(filepath.Join(from, "tree/pipe"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	t.Run("files", func(t *testing.T) { copyFiles(t, l, from) })
	t.Run("directories", func(t *testing.T) { copyDirectories(t, l, from) })
	t.Run("streams", func(t *testing.T) { copyStreams(t, l, from) })
	t.Run("refused", func(t *testing.T) { copyRefused(t, l, from) })
	t.Run("hostile", func(t *testing.T) { copyHostile(t, l) })
}

func copyFiles(t *testing.T, l *local, from string) {
	odd, dst := filepath.Join(from, "tree/-n \n'\"$x"), t.TempDir()
	l.must(t, "cp", odd, l.name("1")+":/srv/")
	l.must(t, "cp", odd, l.name("1")+":/srv/name with blanks")
	if got := l.sh(t, "1", `ls /srv | od -An -c | tr -d ' \n'; stat -c ' %a %u:%g' "/srv/name with blanks"`); got != `-n\n'"$x\nnamewithblanks\n 640 0:0` {
		t.Errorf("arrived as %s", got)
	}
	l.must(t, "cp", l.name("1")+":/srv/-n \n'\"$x", dst)
	l.must(t, "cp", l.name("1")+":/srv/name with blanks", filepath.Join(dst, "other"))
	for _, name := range []string{"-n \n'\"$x", "other"} {
		if text, err := os.ReadFile(filepath.Join(dst, name)); err != nil || string(text) != "\x00\xff\n\x00" {
			t.Errorf("%q came back as %q, %v", name, text, err)
		}
	}
	run := filepath.Join(from, "tree/sub dir/run")
	l.must(t, "cp", run, "@fleet:/opt/run", "-x", l.name("3"))
	l.must(t, "cp", "--archive", run, l.name("3")+":/opt/run")
	for n, want := range map[string]string{"1": "755 0:0 3000000", "2": "755 0:0 3000000", "3": "4755 33:34 3000000"} {
		if got := l.sh(t, n, "stat -c '%a %u:%g %s' /opt/run"); got != want {
			t.Errorf("in %s it is %s, want %s", n, got, want)
		}
	}
	l.must(t, "cp", l.name("3")+":/opt/run", dst)
	l.must(t, "cp", "--archive", l.name("3")+":/opt/run", filepath.Join(dst, "kept"))
	for name, want := range map[string]string{"run": "755 0:0", "kept": "4755 33:34"} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dst, name), &st); err != nil || fmt.Sprintf("%o %d:%d", st.Mode&0o7777, st.Uid, st.Gid) != want {
			t.Errorf("%s is %o %d:%d (%v), want %s", name, st.Mode&0o7777, st.Uid, st.Gid, err, want)
		}
	}
}

func copyDirectories(t *testing.T, l *local, from string) {
	dst := t.TempDir()
	tree := filepath.Join(from, "tree")
	r := l.run(t, "cp", tree, l.name("1")+":/mnt")
	if r.Code != 0 || !strings.Contains(r.Stderr, "left out 1") {
		t.Errorf("into a directory: %+v", r)
	}
	l.must(t, "cp", tree, l.name("1")+":/mnt/new")
	l.must(t, "cp", tree+"/.", l.name("1")+":/media")
	want := l.sh(t, "1", "cd /mnt/tree && find . | LC_ALL=C sort | od -c")
	for _, dir := range []string{"/mnt/new", "/media"} {
		if got := l.sh(t, "1", "cd "+dir+" && find . | LC_ALL=C sort | od -c"); got != want || !strings.Contains(got, "s   u   b") {
			t.Errorf("%s holds\n%s\nwant\n%s", dir, got, want)
		}
	}
	if got := l.sh(t, "1", "stat -c %a /media"); got != "755" {
		t.Errorf("the mode of what was there became %s", got)
	}
	l.must(t, "cp", l.name("1")+":/mnt/tree", dst)
	l.must(t, "cp", l.name("1")+":/mnt/tree/.", filepath.Join(dst, "tree"))
	text, err := os.ReadFile(filepath.Join(dst, "tree/sub dir/run"))
	if err != nil || len(text) != 3_000_000 {
		t.Errorf("back came %d bytes, %v", len(text), err)
	}
	if target, err := os.Readlink(filepath.Join(dst, "tree/link")); err != nil || target != "../../../etc/shadow" {
		t.Errorf("the link came back as %q, %v", target, err)
	}
}

func copyStreams(t *testing.T, l *local, from string) {
	if r := l.runInput(t, "by hand\n", "cp", "-", l.name("2")+":/srv/typed"); r.Code != 0 {
		t.Errorf("the standard input into a file: %+v", r)
	}
	if got := l.must(t, "cp", l.name("2")+":/srv/typed", "-"); got != "by hand" {
		t.Errorf("a file on the standard output: %q", got)
	}
	l.must(t, "cp", filepath.Join(from, "tree"), l.name("2")+":/srv")
	archive := l.run(t, "cp", l.name("2")+":/srv/tree", "-")
	in := tar.NewReader(strings.NewReader(archive.Stdout))
	names := 0
	for _, err := in.Next(); err == nil; _, err = in.Next() {
		names++
	}
	if names != 5 || archive.Code != 0 {
		t.Errorf("the archive has %d members: %s", names, archive.Stderr)
	}
	l.sh(t, "3", "mkdir /srv/copy")
	if r := l.runInput(t, archive.Stdout, "cp", "-", l.name("3")+":/srv/copy"); r.Code != 0 {
		t.Errorf("an archive into a directory: %+v", r)
	}
	if got := l.sh(t, "3", "stat -c %s '/srv/copy/sub dir/run'"); got != "3000000" {
		t.Errorf("arrived: %s", got)
	}
}

func copyRefused(t *testing.T, l *local, from string) {
	dst, one := t.TempDir(), l.name("1")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{from, dst}, 2, "neither end"},
		{[]string{one + ":/a", one + ":/b"}, 2, "both ends"},
		{[]string{one + ":relative", dst}, 2, "absolute"},
		{[]string{"", one + ":/a"}, 2, "empty"},
		{[]string{l.name("<1..2>") + ":/etc/hosts", dst}, 2, "out of one"},
		{[]string{"-", "@fleet:/tmp/x"}, 2, "read once"},
		{[]string{"/nonexistent", one + ":/tmp"}, 2, "no such file"},
		{[]string{"/dev/null", one + ":/tmp"}, 1, "neither a file nor a directory"},
		{[]string{l.name("nobody") + ":/etc/hosts", dst}, 4, ""},
		{[]string{one + ":/nonexistent", dst}, 1, "there is no /nonexistent"},
		{[]string{one + ":/dev/null", dst}, 1, "neither a file nor a directory"},
		{[]string{one + ":/etc/hosts", filepath.Join(dst, "missing") + "/"}, 1, "make it first"},
		{[]string{one + ":/etc/hosts", filepath.Join(dst, "missing/file")}, 1, "no such file"},
		{[]string{filepath.Join(from, "tree/sub dir/run"), one + ":/missing/file"}, 1, "/missing/file"},
		{[]string{filepath.Join(from, "tree/sub dir/run"), one + ":/missing/"}, 1, "not a directory"},
		{[]string{one + ":/usr/share/zoneinfo", dst, "--limit", "1000"}, 1, "more than the limit"},
		{[]string{l.name("off") + ":/etc/hosts", dst}, 1, "stopped"},
		{[]string{from, l.name("off") + ":/tmp"}, 1, "stopped"},
		{[]string{"/etc/hostname", one + ":/a", "--limit", "-1"}, 2, "--limit"},
	} {
		begun := time.Now()
		r := l.run(t, append([]string{"cp"}, test.args...)...)
		if r.Code != test.code || !strings.Contains(r.Stderr, test.want) || time.Since(begun) > 20*time.Second {
			t.Errorf("cp %q after %v: %+v", test.args, time.Since(begun), r)
		}
	}
	if r := l.run(t, "cp", "--dry-run", "/etc/hostname", "@fleet:/dry"); r.Code != 0 || strings.Count(r.Stdout, "copy") != 3 {
		t.Errorf("--dry-run: %+v", r)
	}
	if r := l.try(t, "1", "test -e /dry"); r.Code != 1 {
		t.Errorf("--dry-run has copied: %+v", r)
	}
}

// copyHostile has a container whose tar sends what it likes.
func copyHostile(t *testing.T, l *local) {
	place := t.TempDir()
	dst := filepath.Join(place, "dst")
	for _, test := range []struct {
		summary, end string // what tar does besides
		members      []tar.Header
		want         string
	}{
		{"up", "", []tar.Header{{Typeflag: tar.TypeReg, Name: "../evil"}}, "not safe"},
		{"absolute", "", []tar.Header{{Typeflag: tar.TypeReg, Name: filepath.Join(place, "evil")}}, "not safe"},
		{"through a link", "", []tar.Header{{Typeflag: tar.TypeSymlink, Name: "l", Linkname: ".."}, {Typeflag: tar.TypeReg, Name: "l/evil"}}, "escapes"},
		{"an open end", "; exec sleep 1000", []tar.Header{{Typeflag: tar.TypeReg, Name: "f"}}, "goes on"},
		{"zeros without end", "; exec cat /dev/zero", []tar.Header{{Typeflag: tar.TypeReg, Name: "f"}}, "goes on"},
		{"a failure afterwards", "; echo broken >&2; exit 7", []tar.Header{{Typeflag: tar.TypeReg, Name: "f"}}, "status 7: broken"},
		{"nothing", "; exit 3", nil, "status 3"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			if err := errors.Join(os.RemoveAll(dst), os.Mkdir(dst, 0o755)); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, h := range test.members {
				h.Mode = 0o4777
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if len(test.members) > 0 {
				_ = w.Close() // a buffer takes everything
			}
			if r := l.runInput(t, b.String(), "cp", "-", l.name("2")+":/evil.tar"); r.Code != 0 {
				t.Fatalf("plant it: %+v", r)
			}
			script := "#!/bin/sh\ncat /evil.tar" + test.end + "\n"
			if r := l.runInput(t, script, "exec", l.name("2"), "--", "sh", "-c", "cat >/t && chmod 755 /t && mv /t /usr/bin/tar"); r.Code != 0 {
				t.Fatalf("plant it: %+v", r)
			}
			r := l.run(t, "cp", l.name("2")+":/mnt/.", dst)
			if r.Code != 1 || !strings.Contains(r.Stderr, test.want) {
				t.Errorf("%+v, want %q", r, test.want)
			}
			if names, err := os.ReadDir(place); err != nil || len(names) != 1 {
				t.Errorf("beside the destination there is %v, %v", names, err)
			}
		})
	}
	if r := l.runInput(t, "", "cp", l.name("2")+":/mnt", "-"); r.Code == 0 {
		t.Errorf("a broken archive on the standard output: %+v", r)
	}
}
