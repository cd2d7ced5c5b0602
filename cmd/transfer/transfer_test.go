package transfer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/cmd/transfer"
)

// stream is a tar stream of members; the content of a regular one is its Linkname.
func stream(t testing.TB, members ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text, h.Linkname = h.Linkname, ""
			h.Size = int64(len(text))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func root(t testing.TB, dir string) *os.Root {
	t.Helper()
	r, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// tree is everything below a directory, a line each, sorted: type and mode, path, content or target.
func tree(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		line := info.Mode().String() + " " + rel
		switch {
		case e.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(path)
			line += " -> " + target
		case e.Type().IsRegular():
			text, _ := os.ReadFile(path)
			line += fmt.Sprintf(" %q", text)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines[1:])
	return strings.Join(lines[1:], "\n")
}

const (
	file    = tar.TypeReg
	dirType = tar.TypeDir
	soft    = tar.TypeSymlink
	hard    = tar.TypeLink
)

func TestUnpack(t *testing.T) {
	old := unix.Umask(0o022)
	t.Cleanup(func() { unix.Umask(old) })
	for _, test := range []struct {
		summary string
		members []tar.Header
		want    string
		skipped int
		wantErr error
	}{
		{"a tree", []tar.Header{
			{Typeflag: dirType, Name: "./", Mode: 0o777}, {Typeflag: dirType, Name: "./d/", Mode: 0o750}, {Typeflag: file, Name: "./d/f", Linkname: "text", Mode: 0o755},
			{Typeflag: soft, Name: "l", Linkname: "d/f"}, {Typeflag: hard, Name: "h", Linkname: "./d/f"}, {Typeflag: file, Name: "binary\xff", Linkname: "\x00\xff"},
		}, "-rw-r--r-- binary\xff \"\\x00\\xff\"\n-rwxr-xr-x d/f \"text\"\n-rwxr-xr-x h \"text\"\nLrwxrwxrwx l -> d/f\ndrwxr-x--- d", 0, nil},
		{"no rights of others", []tar.Header{{Typeflag: file, Name: "s", Mode: 0o6777}, {Typeflag: dirType, Name: "d", Mode: 0o3777}},
			"-rwxr-xr-x s \"\"\ndrwxr-xr-x d", 0, nil},
		{"devices and pipes are left out", []tar.Header{
			{Typeflag: tar.TypeChar, Name: "c", Devmajor: 1, Devminor: 3}, {Typeflag: tar.TypeBlock, Name: "b"}, {Typeflag: tar.TypeFifo, Name: "p"},
			{Typeflag: file, Name: "f"},
		}, "-rw-r--r-- f \"\"", 3, nil},
		{"a link to anywhere is a link", []tar.Header{{Typeflag: soft, Name: "l", Linkname: "/etc/passwd"}, {Typeflag: soft, Name: "m", Linkname: "../../x"}},
			"Lrwxrwxrwx l -> /etc/passwd\nLrwxrwxrwx m -> ../../x", 0, nil},
		{"what is there is replaced and not followed", []tar.Header{
			{Typeflag: soft, Name: "l", Linkname: "../outside"}, {Typeflag: file, Name: "l", Linkname: "mine"},
		}, "-rw-r--r-- l \"mine\"", 0, nil},
		{"a link within is followed", []tar.Header{
			{Typeflag: dirType, Name: "d", Mode: 0o755}, {Typeflag: soft, Name: "l", Linkname: "d"}, {Typeflag: file, Name: "l/f", Linkname: "x"},
		}, "-rw-r--r-- d/f \"x\"\nLrwxrwxrwx l -> d\ndrwxr-xr-x d", 0, nil},
		{"up", []tar.Header{{Typeflag: file, Name: "../outside/new"}}, "", 0, transfer.ErrUnsafe},
		{"up inside", []tar.Header{{Typeflag: file, Name: "d/../../outside/new"}}, "", 0, transfer.ErrUnsafe},
		{"up and down", []tar.Header{{Typeflag: file, Name: "d/../f"}}, "", 0, transfer.ErrUnsafe},
		{"absolute", []tar.Header{{Typeflag: file, Name: "/tmp/f"}}, "", 0, transfer.ErrUnsafe},
		{"too deep", []tar.Header{{Typeflag: file, Name: strings.Repeat("d/", 300) + "f"}}, "", 0, transfer.ErrUnsafe},
		{"a hard link out", []tar.Header{{Typeflag: hard, Name: "h", Linkname: "../outside/secret"}}, "", 0, transfer.ErrUnsafe},
		{"an absolute hard link", []tar.Header{{Typeflag: hard, Name: "h", Linkname: "/etc/passwd"}}, "", 0, transfer.ErrUnsafe},
		{"a hard link to a link", []tar.Header{{Typeflag: soft, Name: "l", Linkname: "../outside/secret"}, {Typeflag: hard, Name: "h", Linkname: "l"}},
			"Lrwxrwxrwx l -> ../outside/secret", 0, transfer.ErrUnsafe},
		{"a link without a target", []tar.Header{{Typeflag: soft, Name: "l"}}, "", 0, transfer.ErrUnsafe},
	} {
		t.Run(test.summary, func(t *testing.T) {
			place := t.TempDir()
			outside := planted(t, place)
			top := filepath.Join(place, "top")
			r, err := transfer.Unpack(root(t, top), bytes.NewReader(stream(t, test.members...)), transfer.Options{})
			if !errors.Is(err, test.wantErr) || r.Skipped != test.skipped {
				t.Errorf("Unpack: %+v, %v; want %v", r, err, test.wantErr)
			}
			if diff := cmp.Diff(test.want, tree(t, top)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if diff := cmp.Diff(outside, tree(t, filepath.Join(place, "outside"))); diff != "" {
				t.Errorf("outside (-before +after):\n%s", diff)
			}
		})
	}
}

// planted makes an empty top and beside it something to steal or to harm, which it returns.
func planted(t testing.TB, place string) string {
	t.Helper()
	outside := filepath.Join(place, "outside")
	if err := errors.Join(os.Mkdir(filepath.Join(place, "top"), 0o755), os.Mkdir(outside, 0o755),
		os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600)); err != nil {
		t.Fatal(err)
	}
	return tree(t, outside)
}

// Through a link that leads out nothing is made, read or linked, whoever made the link.
func TestUnpackThroughLinks(t *testing.T) {
	for _, target := range []string{"../outside", "/", "/tmp", "..", "self", "../top/../outside"} {
		for _, member := range []tar.Header{
			{Typeflag: file, Name: "self/secret", Linkname: "harm"}, {Typeflag: dirType, Name: "self/new"}, {Typeflag: soft, Name: "self/new", Linkname: "x"},
			{Typeflag: hard, Name: "stolen", Linkname: "self/secret"}, {Typeflag: file, Name: "self/top/../f"},
		} {
			for _, mine := range []bool{true, false} {
				place := t.TempDir()
				outside := planted(t, place)
				top := filepath.Join(place, "top")
				members := []tar.Header{{Typeflag: soft, Name: "self", Linkname: target}, member}
				if mine {
					if err := os.Symlink(target, filepath.Join(top, "self")); err != nil {
						t.Fatal(err)
					}
					members = members[1:]
				}
				_, err := transfer.Unpack(root(t, top), bytes.NewReader(stream(t, members...)), transfer.Options{Archive: true})
				if err == nil {
					t.Errorf("%s through a link to %s is no error", member.Name, target)
				}
				if got := tree(t, top); strings.Contains(got, "\n") || tree(t, filepath.Join(place, "outside")) != outside {
					t.Errorf("%s through a link to %s made\n%s", member.Name, target, got)
				}
			}
		}
	}
}

func TestUnpackLimits(t *testing.T) {
	big := stream(t, tar.Header{Typeflag: file, Name: "a", Linkname: "12345"}, tar.Header{Typeflag: file, Name: "b", Linkname: "12345"})
	for _, test := range []struct {
		summary string
		o       transfer.Options
		files   int
	}{
		{"bytes", transfer.Options{Bytes: 9}, 1}, {"members", transfer.Options{Members: 1}, 1}, {"none", transfer.Options{Bytes: 10, Members: 2}, 2},
	} {
		dir := t.TempDir()
		r, err := transfer.Unpack(root(t, dir), bytes.NewReader(big), test.o)
		if errors.Is(err, transfer.ErrTooLarge) != (test.files < 2) || len(strings.Split(tree(t, dir), "\n")) != test.files {
			t.Errorf("%s: %+v, %v:\n%s", test.summary, r, err, tree(t, dir))
		}
	}
	// A stream that ends in a head or in a file is not taken for a whole one. Between members only whoever wrote it can tell.
	for _, cut := range []int{1, 511, 512, 516, 1025, 1535, 1536, 1540} {
		if _, err := transfer.Unpack(root(t, t.TempDir()), bytes.NewReader(big[:cut]), transfer.Options{}); err == nil {
			t.Errorf("cut to %d bytes it is no error", cut)
		}
	}
}

// With Archive, owners, all modes and times arrive.
func TestArchive(t *testing.T) {
	need.Root(t)
	at := time.Unix(1234567890, 0)
	dir := t.TempDir()
	_, err := transfer.Unpack(root(t, dir), bytes.NewReader(stream(t,
		tar.Header{Typeflag: file, Name: "s", Mode: 0o4755, Uid: 7, Gid: 8, ModTime: at},
		tar.Header{Typeflag: dirType, Name: "d", Mode: 0o3711, Uid: 9, Gid: 10, ModTime: at},
		tar.Header{Typeflag: soft, Name: "l", Linkname: "x", Uid: 11, Gid: 12},
	)), transfer.Options{Archive: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range []string{"s", "d", "l"} {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(dir, name), &st); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %o %d:%d %v", name, st.Mode&0o7777, st.Uid, st.Gid, st.Mtim.Sec == at.Unix()))
	}
	want := []string{"s 4755 7:8 true", "d 3711 9:10 true", "l 777 11:12 false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
