package generation_test

import (
	"crypto/md5"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// tree is a host of the test's own.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) tree {
	t.Helper()
	h := tree{t, t.TempDir()}
	h.write("var/lib/dpkg/status", "")
	h.mkdir("var/lib/dpkg/info")
	h.mkdir("var/lib/dpkg/updates")
	return h
}

func (h tree) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h tree) path(p string) string { return filepath.Join(h.root, p) }

func (h tree) mkdir(p string) { h.t.Helper(); h.must(os.MkdirAll(h.path(p), 0o755)) }

// write replaces a file by rename, as package managers do.
func (h tree) write(p, text string) {
	h.t.Helper()
	h.mkdir(filepath.Dir(p))
	h.must(os.WriteFile(h.path(p)+".new", []byte(text), 0o644))
	h.must(os.Rename(h.path(p)+".new", h.path(p)))
}

func (h tree) link(target, p string) {
	h.t.Helper()
	h.mkdir(filepath.Dir(p))
	h.must(os.Symlink(target, h.path(p)+".new"))
	h.must(os.Rename(h.path(p)+".new", h.path(p)))
}

func (h tree) remove(p string) { h.t.Helper(); h.must(os.RemoveAll(h.path(p))) }

// install writes files and what dpkg would say of them. A path that begins with "!" is a conffile.
func (h tree) install(name, version string, files map[string]string) {
	h.t.Helper()
	list, sums, conffiles := "/.\n", "", ""
	for _, key := range slices.Sorted(maps.Keys(files)) {
		text := files[key]
		p, conf := strings.CutPrefix(key, "!")
		h.write(p, text)
		list += "/" + p + "\n"
		sum := fmt.Sprintf("%x", md5.Sum([]byte(text)))
		if conf {
			conffiles += " /" + p + " " + sum + "\n"
		} else {
			sums += sum + "  " + p + "\n"
		}
	}
	if conffiles != "" {
		conffiles = "Conffiles:\n" + conffiles
	}
	h.write("var/lib/dpkg/info/"+name+".list", list)
	h.write("var/lib/dpkg/info/"+name+".md5sums", sums)
	h.stanza(name, "Package: "+name+"\nStatus: install ok installed\nArchitecture: all\nVersion: "+version+"\n"+conffiles)
}

// stanza puts text in place of what the status file says of a package.
func (h tree) stanza(name, text string) {
	h.t.Helper()
	old, err := os.ReadFile(h.path("var/lib/dpkg/status"))
	h.must(err)
	all := slices.DeleteFunc(strings.SplitAfter(string(old), "\n\n"), func(s string) bool { return s == "" || strings.HasPrefix(s, "Package: "+name+"\n") })
	h.write("var/lib/dpkg/status", strings.Join(all, "")+text+"\n")
}

func (h tree) source() generation.Source {
	h.t.Helper()
	db, err := pkgdb.Detect(h.root)
	h.must(err)
	return generation.Source{DB: db, Root: h.root, Release: "debian 12", Scope: "all"}
}

func (h tree) take(s *generation.Store) *generation.Snapshot {
	h.t.Helper()
	snapshot, err := s.Take(h.t.Context(), h.source())
	h.must(err)
	return snapshot
}
