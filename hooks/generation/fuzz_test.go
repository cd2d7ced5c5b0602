package generation_test

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// smallArchive returns the archive of a small host, and its one generation.
func smallArchive(f *testing.F) (string, *generation.Snapshot) {
	f.Helper()
	root, dir := f.TempDir(), f.TempDir()
	for path, text := range map[string]string{
		"var/lib/dpkg/status": "Package: x\nStatus: install ok installed\nVersion: 1\nConffiles:\n /etc/x 0123456789abcdef0123456789abcdef\n",
		"etc/x":               "1", "usr/bin/x": "2", "usr/bin/y.z": "3", "var/lib/dpkg/info/x.md5sums": "0123456789abcdef0123456789abcdef  usr/bin/x\n",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755), os.WriteFile(filepath.Join(root, path), []byte(text), 0o644)); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Symlink("x", filepath.Join(root, "usr/bin/link")); err != nil {
		f.Fatal(err)
	}
	db, err := pkgdb.Detect(root)
	if err != nil {
		f.Fatal(err)
	}
	snapshot, err := open(f, dir).Take(f.Context(), generation.Source{DB: db, Root: root})
	if err != nil {
		f.Fatal(err)
	}
	return dir, snapshot
}

func FuzzIndex(f *testing.F) {
	_, snapshot := smallArchive(f)
	buf, _ := generation.EncodeIndex(snapshot)
	f.Add(buf, true)
	f.Add([]byte{0}, false)
	f.Fuzz(func(t *testing.T, buf []byte, more bool) {
		devs := []uint64{7, 8}[:1]
		if more {
			devs = []uint64{7, 8}
		}
		text, again, err := generation.DecodeIndex(buf, devs)
		if err != nil {
			if !errors.Is(err, generation.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		same, third, err := generation.DecodeIndex(again, devs)
		if err != nil || same != text || !bytes.Equal(third, again) {
			t.Errorf("encoded again it is %v\n%s\nand was\n%s", err, same, text)
		}
	})
}

func FuzzContents(f *testing.F) {
	f.Add([]byte("\x01\x01k\x01n\x01a\x01v\x02\x00\x02/a\x04\x01\x02/b\x010123456789abcdef"))
	f.Fuzz(func(t *testing.T, buf []byte) {
		text, again, err := generation.DecodeContents(buf)
		if err != nil {
			if !errors.Is(err, generation.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		same, _, err := generation.DecodeContents(again)
		if err != nil || same != text {
			t.Errorf("encoded again it is %v\n%s\nand was\n%s", err, same, text)
		}
	})
}

// Whatever is changed in a file, it is refused, never read wrongly.
func FuzzFile(f *testing.F) {
	dir, _ := smallArchive(f)
	var files [][]byte
	for _, name := range []string{"index-1", "pack-1"} {
		file, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		files = append(files, file)
	}
	f.Add(0, byte(0), 0, []byte{})
	f.Add(40, byte(1), 0, []byte("sysctr index 2 x\n"))
	f.Add(-1, byte(1), -3, []byte{})
	f.Fuzz(func(t *testing.T, at int, flip byte, cut int, rubbish []byte) {
		for _, file := range append(slices.Clone(files), rubbish) {
			changed := slices.Clone(file)
			if len(changed) > 0 {
				changed[(at%len(changed)+len(changed))%len(changed)] ^= flip
				changed = changed[:len(changed)-(cut%len(changed)+len(changed))%len(changed)]
			}
			err := generation.DecodeFile(changed)
			original := slices.ContainsFunc(files, func(f []byte) bool { return bytes.Equal(f, changed) })
			if original && err != nil {
				t.Errorf("what was written is refused: %v", err)
			}
			if !original && !errors.Is(err, generation.ErrDamaged) && !errors.Is(err, generation.ErrFormat) {
				t.Errorf("%q was accepted: %v", changed, err)
			}
		}
	})
}

// The order of an index is that of the paths' parts.
func FuzzComparePaths(f *testing.F) {
	f.Add("/a/b", "/a-b")
	f.Add("/a", "/a/b")
	f.Fuzz(func(t *testing.T, a, b string) {
		parts := func(p string) []string { return strings.Split(p, "/") }
		want := slices.Compare(parts(a), parts(b))
		if got := generation.ComparePaths(a, b); cmp.Compare(got, 0) != want {
			t.Errorf("%q and %q: %d, want %d", a, b, got, want)
		}
	})
}
