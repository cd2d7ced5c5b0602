package mask_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/mask"
)

// Links of the host's tree lead nowhere outside of it, loops end, and what is no regular file is not opened.
func TestHostileLinks(t *testing.T) {
	root := madeHost(t, `
		l 777 0:0 etc/passwd -> ../../outside/passwd
		l 777 0:0 etc/group -> /outside/group
		l 777 0:0 etc/ssl -> ../../../outside
		l 777 0:0 etc/systemd -> systemd
		l 777 0:0 etc/skel -> /../../outside
		l 777 0:0 usr/lib -> ../missing/../outside
		l 777 0:0 var -> /../outside
		d 755 0:0 tmp
	`)
	outside := filepath.Join(filepath.Dir(root), "outside")
	for name, text := range map[string]string{"passwd": "evil:x:0:0::/:/bin/sh\n", "group": "evil:x:0:\n", "private/key": "k", ".profile": "evil"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(outside, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outside, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	l := mustBuild(t, root, mask.Rules{})
	for _, e := range append(l.Mask, l.Common...) {
		if strings.Contains(string(e.Data), "evil") || strings.Contains(e.Path, "private/key") {
			t.Errorf("%s came from outside of the root", e.Path)
		}
	}
	for _, in := range l.Inputs {
		if filepath.Clean(in.Path) != in.Path || strings.HasPrefix(in.Path, "..") {
			t.Errorf("input %q is not a path below the root", in.Path)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	root := madeHost(t, "d 755 0:0 etc")
	if err := unix.Mkfifo(filepath.Join(root, "etc/passwd"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := mask.Build(root, mask.Rules{}); !errors.Is(err, mask.ErrHost) {
		t.Errorf("Build over a FIFO = %v, want ErrHost at once", err)
	}
}

func TestBrokenAccountsNameTheLine(t *testing.T) {
	root := madeHost(t, `f 644 0:0 etc/passwd "root:x:0:0::/root:/bin/sh\nana:$6$hash:x:1000::/home/ana:/bin/sh\n"`)
	_, err := mask.Build(root, mask.Rules{})
	if !errors.Is(err, mask.ErrHost) || !strings.Contains(err.Error(), "/etc/passwd: line 2") || strings.Contains(err.Error(), "hash") {
		t.Errorf("Build = %v, want ErrHost with the line's number and without its content", err)
	}
}

// Names of any bytes become whiteouts of these bytes.
func TestNamesOfAnyBytes(t *testing.T) {
	need := []string{"new\nline", "bad\xff\xfeutf8", " ", "*", "-", "ünï", strings.Repeat("n", 255), "\"q\"", "\\"}
	root := madeHost(t, "d 755 0:0 var/lib")
	for _, name := range need {
		for _, dir := range []string{"", "var/lib"} {
			if err := os.WriteFile(filepath.Join(root, dir, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := mustBuild(t, root, mask.Rules{})
	dir := filepath.Join(t.TempDir(), "mask")
	if err := mask.Write(dir, l.Mask, mask.Shift{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range need {
		for _, below := range []string{"", "var/lib"} {
			if !isWhiteout(t, filepath.Join(dir, below, name)) {
				t.Errorf("no whiteout for %q below %q", name, below)
			}
		}
	}
	if got := parseTree(t, l.Mask.String()); got.String() != l.Mask.String() {
		t.Errorf("String does not read back:\n%s", l.Mask)
	}
}

func isWhiteout(t *testing.T, path string) bool {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Errorf("stat %q: %v", path, err)
		return false
	}
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}
