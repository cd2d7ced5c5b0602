package transfer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/transfer"
)

// What is packed and unpacked is what it was, names and bytes of any kind included; pipes and sockets are left out and told.
func TestRoundTrip(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := errors.Join(
		os.MkdirAll(filepath.Join(from, "d/e"), 0o755), os.WriteFile(filepath.Join(from, "d/e/bin\xff\n"), []byte("\x00\xff\n"), 0o755),
		os.WriteFile(filepath.Join(from, strings.Repeat("n", 255)), nil, 0o600), os.Symlink("../..", filepath.Join(from, "d/up")),
		os.WriteFile(filepath.Join(from, "-rf"), []byte(strings.Repeat("x", 100_000)), 0o644), unix.Mkfifo(filepath.Join(from, "pipe"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	r, err := transfer.Pack(&b, root(t, from), transfer.Options{})
	if err != nil || r.Skipped != 1 || r.Some[0] != "pipe" {
		t.Fatalf("Pack: %+v, %v", r, err)
	}
	if _, err := transfer.Unpack(root(t, to), bytes.NewReader(b.Bytes()), transfer.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(from, "pipe")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tree(t, from), tree(t, to)); diff != "" {
		t.Errorf("-packed +unpacked:\n%s", diff)
	}
	for in := tar.NewReader(&b); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s is %d:%d %q", h.Name, h.Uid, h.Gid, h.Uname)
		}
	}
}

func TestUnpackFile(t *testing.T) {
	one := stream(t, tar.Header{Typeflag: file, Name: "../../evil", Linkname: "text", Mode: 0o4755})
	dir := t.TempDir()
	if _, err := transfer.UnpackFile(root(t, dir), "mine", bytes.NewReader(one), transfer.Options{}); err != nil || tree(t, dir) != `-rwxr-xr-x mine "text"` {
		t.Errorf("UnpackFile: %v:\n%s", err, tree(t, dir))
	}
	var b bytes.Buffer
	if err := transfer.Content(&b, bytes.NewReader(one), transfer.Options{}); err != nil || b.String() != "text" {
		t.Errorf("Content = %q, %v", &b, err)
	}
	for _, bad := range [][]byte{nil, stream(t), stream(t, tar.Header{Typeflag: soft, Name: "l", Linkname: "/etc/shadow"}), []byte("no archive")} {
		if _, err := transfer.UnpackFile(root(t, dir), "other", bytes.NewReader(bad), transfer.Options{}); err == nil {
			t.Errorf("%.20q is taken for a file", bad)
		}
		if err := transfer.Content(io.Discard, bytes.NewReader(bad), transfer.Options{}); err == nil {
			t.Errorf("%.20q has a content", bad)
		}
	}
}

// FuzzUnpack makes streams of whatever members and looks at what became of it: outside of the top nothing was made, changed or linked to, inside
// there is no device, no pipe, nothing setuid, and no file has a name outside.
func FuzzUnpack(f *testing.F) {
	f.Add([]byte("0a\x000b\x00"))
	f.Add([]byte("2l\x00../outside\x000l/secret\x00x\x00"))
	f.Add([]byte("5d/\x00\x002d/l\x00..\x001h\x00d/l/../outside/secret\x00"))
	f.Add([]byte("3c\x00\x006p\x00\x000s\x00x\x00"))
	f.Fuzz(func(t *testing.T, recipe []byte) {
		place := t.TempDir()
		outside := planted(t, place)
		top := filepath.Join(place, "top")
		for _, archive := range []io.Reader{bytes.NewReader(recipe), bytes.NewReader(cooked(recipe))} {
			_, _ = transfer.Unpack(root(t, top), archive, transfer.Options{Bytes: 1 << 16, Members: 64})
		}
		if diff := cmp.Diff(outside, tree(t, filepath.Join(place, "outside"))); diff != "" {
			t.Errorf("outside (-before +after):\n%s", diff)
		}
		if names, _ := os.ReadDir(place); len(names) != 2 {
			t.Errorf("beside the top there is %v", names)
		}
		var secret unix.Stat_t
		if err := unix.Stat(filepath.Join(place, "outside/secret"), &secret); err != nil || secret.Nlink != 1 {
			t.Errorf("the secret has %d names (%v)", secret.Nlink, err)
		}
		for line := range strings.Lines(tree(t, top)) {
			mode, _, _ := strings.Cut(line, " ")
			if strings.ContainsAny(mode[:max(0, len(mode)-9)], "DpSugt") {
				t.Errorf("there is %s", line)
			}
		}
	})
}

// cooked makes a stream of a recipe: each member is its type, a name, a zero, a target or content, a zero.
func cooked(recipe []byte) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for len(recipe) > 1 {
		kind := recipe[0]
		name, rest, _ := bytes.Cut(recipe[1:], []byte{0})
		text, rest, _ := bytes.Cut(rest, []byte{0})
		recipe = rest
		h := tar.Header{Typeflag: kind, Name: string(name), Mode: 0o7777, Linkname: string(text), Devmajor: 1, Devminor: 3}
		if kind == tar.TypeReg {
			h.Linkname, h.Size = "", int64(len(text))
		}
		if w.WriteHeader(&h) != nil { // such a one no stream can have
			continue
		}
		if kind == tar.TypeReg {
			_, _ = w.Write(text)
		}
	}
	_ = w.Close()
	return b.Bytes()
}

// TestLimits: what goes to standard output is bounded as what is unpacked is.
func TestLimits(t *testing.T) {
	for most, tooLarge := range map[int64]bool{3: true, 4: false, 5: false} {
		var b bytes.Buffer
		err := transfer.Raw(&b, strings.NewReader("text"), transfer.Options{Bytes: most})
		if errors.Is(err, transfer.ErrTooLarge) != tooLarge || !tooLarge && (err != nil || b.String() != "text") || int64(b.Len()) > most {
			t.Errorf("at most %d of 4 bytes: %q, %v", most, b.String(), err)
		}
	}
}
