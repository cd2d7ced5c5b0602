package generation_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
)

func TestLoadErrors(t *testing.T) {
	h, dir := newTree(t), t.TempDir()
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	settle()
	h.take(open(t, dir))
	load := func(n int) error {
		_, err := open(t, dir).Load(t.Context(), n)
		return err
	}
	h.must(load(1))
	for _, n := range []int{0, -1, 2, 99999} {
		if err := load(n); !errors.Is(err, generation.ErrGone) {
			t.Errorf("Load(%d) = %v", n, err)
		}
	}
	index, pack := read(h, dir, "index-1"), read(h, dir, "pack-1")
	for _, test := range []struct {
		summary, name string
		content       []byte
		want          error
	}{
		{"empty", "index-1", nil, generation.ErrDamaged},
		{"cut", "index-1", index[:len(index)-1], generation.ErrDamaged},
		{"longer", "index-1", append(slices.Clone(index), 0), generation.ErrDamaged},
		{"of another kind", "index-1", pack, generation.ErrDamaged},
		{"of a later format", "index-1", bytes.Replace(index, []byte("index 1 "), []byte("index 2 "), 1), generation.ErrFormat},
		{"header changed", "index-1", bytes.Replace(index, []byte("debian 12"), []byte("debian 13"), 1), generation.ErrDamaged},
		{"pack is missing", "pack-1", nil, generation.ErrDamaged},
		{"pack is cut", "pack-1", pack[:len(pack)-1], generation.ErrDamaged},
		{"pack of a later format", "pack-1", bytes.Replace(pack, []byte("pack 1 "), []byte("pack 7 "), 1), generation.ErrFormat},
	} {
		h.must(os.WriteFile(filepath.Join(dir, "index-1"), index, 0o600))
		h.must(os.WriteFile(filepath.Join(dir, "pack-1"), pack, 0o600))
		h.must(os.WriteFile(filepath.Join(dir, test.name), test.content, 0o600))
		if err := load(1); !errors.Is(err, test.want) || !strings.Contains(err.Error(), "generation 1") {
			t.Errorf("%s: Load = %v, want %v", test.summary, err, test.want)
		}
		// A new one is taken beside it, which can be read.
		s := h.take(open(t, dir))
		if s.Number != 2 || load(2) != nil {
			t.Errorf("%s: the next generation is %d, and reading it gives %v", test.summary, s.Number, load(2))
		}
		if errors.Is(test.want, generation.ErrFormat) && !bytes.Equal(read(h, dir, test.name), test.content) {
			t.Errorf("%s: it was changed", test.summary)
		}
		h.must(os.Remove(filepath.Join(dir, "index-2")))
		if err := os.Remove(filepath.Join(dir, "pack-2")); test.name == "pack-1" {
			h.must(err)
		}
	}
	h.must(os.WriteFile(filepath.Join(dir, "index-1"), index, 0o600))
	h.must(os.WriteFile(filepath.Join(dir, "index-5"), index, 0o600))
	h.must(os.WriteFile(filepath.Join(dir, "pack-1"), pack, 0o600))
	if err := load(5); !errors.Is(err, generation.ErrDamaged) {
		t.Errorf("a generation under another number: %v", err)
	}
}

func read(h tree, dir, name string) []byte {
	h.t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	h.must(err)
	return content
}

// names lists the archive.
func names(h tree, dir string) string {
	h.t.Helper()
	entries, err := os.ReadDir(dir)
	h.must(err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestPrune(t *testing.T) {
	h, dir := newTree(t), t.TempDir()
	h.install("stays", "1", map[string]string{"usr/bin/stays": "x"})
	for i := 1; i <= generation.Kept+4; i++ {
		h.install("x", strconv.Itoa(i), map[string]string{"usr/bin/x": strconv.Itoa(i)})
		if s := h.take(open(t, dir)); s.Number != i {
			t.Fatalf("generation %d has number %d", i, s.Number)
		}
	}
	h.must(os.WriteFile(filepath.Join(dir, ".new-left"), nil, 0o600))
	h.must(os.WriteFile(filepath.Join(dir, "index-3"), []byte("sysctr index 9 from the future\n"), 0o600))
	h.must(os.WriteFile(filepath.Join(dir, "operators-note"), nil, 0o600))
	inUse := func(n int) bool { return n == 2 }
	h.must(open(t, dir).Prune(t.Context(), inUse))
	// The packs of a generation that cannot be read are not known, so all stay.
	if got := names(h, dir); strings.Contains(got, "index-1 ") || !strings.Contains(got, "index-2 ") || !strings.Contains(got, "index-3 ") ||
		strings.Contains(got, "index-4 ") || !strings.Contains(got, "index-5 ") || !strings.Contains(got, "pack-4 ") {
		t.Errorf("kept: %s", got)
	}
	h.must(os.Remove(filepath.Join(dir, "index-3")))
	h.must(open(t, dir).Prune(t.Context(), inUse))
	got := names(h, dir)
	for name, want := range map[string]bool{
		"index-2": true, "pack-1": true /* has stays */, "pack-2": true, "pack-3": false, "pack-4": false, "index-5": true, "pack-5": true, "index-20": true,
		".new-left": false, "operators-note": true,
	} {
		if slices.Contains(strings.Fields(got), name) != want {
			t.Errorf("%s is kept: %v, want %v", name, !want, want)
		}
	}
	for _, n := range []int{2, 5, generation.Kept + 4} {
		s, err := open(t, dir).Load(t.Context(), n)
		h.must(err)
		if p, ok := s.Owner("/usr/bin/x"); !ok || p.Version != strconv.Itoa(n) {
			t.Errorf("generation %d has %+v", n, p)
		}
	}
	known, err := open(t, dir).Known(t.Context(), []string{"/usr/bin/x", "/usr/bin/stays", "/none"})
	h.must(err)
	// The kept ones, 2, and 1: that lies in the pack that has stays.
	if len(known["/usr/bin/x"]) != generation.Kept+2 || len(known["/usr/bin/stays"]) != 1 || len(known) != 2 {
		t.Errorf("known digests: %v", known)
	}
	if d := known["/usr/bin/stays"][0]; d.Value != "md5:9dd4e461268c8034f5c8564e155c67a6" || d.Package != "stays" || d.Version != "1" {
		t.Errorf("digest %+v", d)
	}
}

// Several look at once, each with a Store of its own as processes have: there is one generation.
func TestAtOnce(t *testing.T) {
	h, dir := newTree(t), t.TempDir()
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	settle()
	var group sync.WaitGroup
	for i := range 16 {
		group.Add(1)
		go func() {
			defer group.Done()
			info, err := open(t, dir).Current(t.Context(), h.source())
			if i%4 == 0 {
				var s *generation.Snapshot
				if s, err = open(t, dir).Take(t.Context(), h.source()); err == nil {
					info = s.Info
				}
			}
			if info.Number != 1 || err != nil {
				t.Errorf("%+v, %v", info, err)
			}
		}()
	}
	group.Wait()
	if got := names(h, dir); got != "index-1 lock pack-1" {
		t.Errorf("archive: %s", got)
	}
}
