package generation_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/hooks/generation"
)

// show writes a diff as text: packages, then files without the package manager's own.
func show(d generation.Diff) string {
	var b strings.Builder
	for _, p := range d.Packages {
		fmt.Fprintf(&b, "%s %s -> %s\n", p.Name, p.Old, p.New)
	}
	for _, f := range d.Files {
		if f.Class == generation.Database {
			continue
		}
		sign := map[[2]bool]string{{true, false}: "-", {false, true}: "+", {true, true}: "~"}[[2]bool{f.Was != nil, f.Is != nil}]
		fmt.Fprintf(&b, "%s %s %s", sign, f.Path, f.Class)
		if f.Package != "" {
			fmt.Fprintf(&b, " %s %s->%s", f.Package, f.OldVersion, f.NewVersion)
		}
		if f.Kept {
			b.WriteString(" kept")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// long: a table
func TestCompare(t *testing.T) {
	base := map[string]string{"usr/lib/libx.so.1": "one", "!etc/x.conf": "a=1", "usr/bin/x": "x"}
	with := func(changed ...string) map[string]string {
		files := maps.Clone(base)
		for i := 0; i < len(changed); i += 2 {
			if files[changed[i]] = changed[i+1]; changed[i+1] == "" {
				delete(files, changed[i])
			}
		}
		return files
	}
	rewrite := func(h tree, path, text string) { h.must(os.WriteFile(h.path(path), []byte(text), 0o644)) }
	for _, test := range []struct {
		summary string
		change  func(h tree)
		want    string
	}{
		{"nothing", func(tree) {}, ""},
		{"upgrade", func(h tree) { h.install("x", "2", with("usr/lib/libx.so.1", "two", "usr/lib/new", "n")) }, `
x 1 -> 2
~ /etc/x.conf conffile x 1->2
~ /usr/bin/x program x 1->2
~ /usr/lib/libx.so.1 program x 1->2
+ /usr/lib/new program x 1->2
`},
		{"same version, other bytes", func(h tree) { h.install("x", "1", with("usr/bin/x", "y")) }, `
x 1 -> 1
~ /etc/x.conf conffile x 1->1
~ /usr/bin/x program x 1->1
~ /usr/lib/libx.so.1 program x 1->1
`},
		{"reinstalled", func(h tree) { h.install("x", "1", with()) }, `
~ /etc/x.conf conffile x 1->1
~ /usr/bin/x program x 1->1
~ /usr/lib/libx.so.1 program x 1->1
`},
		{"downgrade without a file", func(h tree) { h.install("x", "0.9", with("usr/lib/libx.so.1", "")); h.remove("usr/lib/libx.so.1") }, `
x 1 -> 0.9
~ /etc/x.conf conffile x 1->0.9
~ /usr/bin/x program x 1->0.9
- /usr/lib/libx.so.1 program x 1->0.9
`},
		{"a directory moved away and back", func(h tree) {
			h.must(os.Rename(h.path("usr/bin"), h.path("usr/bin2")))
			h.must(os.Rename(h.path("usr/bin2"), h.path("usr/bin")))
		}, `
~ /usr/bin/editor alternative kept
~ /usr/bin/x program x 1->1 kept
`},
		{"a directory in the place of another", func(h tree) {
			h.must(os.Mkdir(h.path("new"), 0o755))
			h.must(os.Rename(h.path("opt/app"), h.path("new/app")))
			h.must(os.Remove(h.path("opt")))
			h.must(os.Rename(h.path("new"), h.path("opt")))
		}, "~ /opt local\n~ /opt/app local kept\n~ /opt/app/file local kept\n"},
		{"a file more in a directory", func(h tree) { rewrite(h, "usr/bin/y", "y") }, "+ /usr/bin/y local\n"},
		{"another package takes a file over", func(h tree) {
			h.stanza("x", "Package: x\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n")
			h.install("y", "7", map[string]string{"usr/bin/x": "y"})
		}, `
x 1 -> ` + `
y  -> 7
~ /usr/bin/x program y ->7
`},
		{"file removed by hand", func(h tree) { h.remove("usr/bin/x") }, "\n- /usr/bin/x program x 1->1\n"},
		{"edited in place", func(h tree) { rewrite(h, "etc/x.conf", "a=2") }, "\n~ /etc/x.conf conffile x 1->1\n"},
		{"edited in place, with its old size and times", func(h tree) {
			info, err := os.Stat(h.path("usr/bin/x"))
			h.must(err)
			rewrite(h, "usr/bin/x", "z")
			h.must(os.Chtimes(h.path("usr/bin/x"), info.ModTime(), info.ModTime()))
		}, "\n~ /usr/bin/x program x 1->1\n"},
		{"mode", func(h tree) { h.must(os.Chmod(h.path("usr/bin/x"), 0o4755)) }, "\n~ /usr/bin/x program x 1->1\n"},
		{"link retargeted", func(h tree) { h.link("libx.so.2", "usr/lib/libx.so") }, "\n~ /usr/lib/libx.so local\n"},
		{"link in place of a directory", func(h tree) { h.remove("opt/app"); h.link("other", "opt/app") }, "\n~ /opt/app local\n- /opt/app/file local\n"},
		{"in /etc, of no package", func(h tree) { h.write("etc/local.conf", "new"); h.write("etc/d/more", "") },
			"\n+ /etc/d config\n+ /etc/d/more config\n~ /etc/local.conf config\n"},
		{"in /usr/local", func(h tree) { rewrite(h, "usr/local/lib/y.so", "new") }, "\n~ /usr/local/lib/y.so local\n"},
		{"alternative", func(h tree) { h.link("/usr/bin/vi", "etc/alternatives/editor") }, "\n~ /etc/alternatives/editor alternative\n"},
		{"link to an alternative", func(h tree) { h.link("/usr/bin/vi", "usr/bin/editor") }, "\n~ /usr/bin/editor alternative\n"},
		{"derived", func(h tree) { h.write("etc/ld.so.cache", "new"); h.write("etc/ssl/certs/ca-certificates.crt", "new") },
			"\n~ /etc/ld.so.cache derived\n~ /etc/ssl/certs/ca-certificates.crt derived\n"},
		{"directory", func(h tree) { h.must(os.Chmod(h.path("opt/app"), 0o711)) }, "\n~ /opt/app local\n~ /opt/app/file local kept\n"},
		{"the package manager's own", func(h tree) { h.write("var/lib/apt/lists/x", "new"); h.write("var/cache/apt/y", "") }, ""},
		{"names that sort oddly", func(h tree) { h.write("opt/app-2", ""); h.write("opt/app/new\nline", ""); h.write("opt/app.d/z", "") },
			"\n+ /opt/app/new\nline local\n+ /opt/app-2 local\n+ /opt/app.d local\n+ /opt/app.d/z local\n"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			h := newTree(t)
			h.install("x", "1", base)
			h.link("libx.so.1", "usr/lib/libx.so")
			h.link("/usr/bin/nano", "etc/alternatives/editor")
			h.link("/etc/alternatives/editor", "usr/bin/editor")
			for _, p := range []string{"etc/local.conf", "usr/local/lib/y.so", "etc/ld.so.cache", "etc/ssl/certs/ca-certificates.crt", "opt/app/file", "var/lib/apt/lists/x"} {
				h.write(p, "old")
			}
			h.mkdir("var/cache/apt")
			dir := t.TempDir()
			settle()
			old := h.take(open(t, dir))
			test.change(h)
			now := h.take(open(t, dir))
			want := strings.TrimPrefix(test.want, "\n")
			if got := show(generation.Compare(old, now)); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if same := old.Number == now.Number; same != (want == "") || old.Number == 0 || now.Number == 0 {
				t.Errorf("numbers %d and %d", old.Number, now.Number)
			}
			// What was kept is what was seen.
			kept, err := open(t, dir).Load(t.Context(), old.Number)
			h.must(err)
			if got := show(generation.Compare(kept, now)); got != want {
				t.Errorf("with the generation from the archive: got\n%swant\n%s", got, want)
			}
		})
	}
}

// A change that leaves the time of an earlier one is seen all the same.
func TestYoung(t *testing.T) {
	h := newTree(t)
	store := open(t, t.TempDir())
	for i := range 100 {
		h.must(os.WriteFile(h.path("usr-file"), []byte("a"), 0o644))
		old := h.take(store)
		h.must(os.WriteFile(h.path("usr-file"), []byte("b"), 0o644))
		now := h.take(store)
		if got := show(generation.Compare(old, now)); !strings.Contains(got, "~ /usr-file") || old.Number == now.Number {
			t.Fatalf("change %d from generation %d to %d was not seen: %q", i, old.Number, now.Number, got)
		}
	}
	settle()
	first := h.take(store)
	if second := h.take(store); first.Number != second.Number {
		t.Errorf("nothing changes any more, and %d became %d", first.Number, second.Number)
	}
}

// settle waits until nothing is young any more: a ctime cannot be set, so the clock has to pass it.
func settle() {
	for start := time.Now(); time.Since(start) < 25*time.Millisecond; {
		time.Sleep(time.Millisecond)
	}
}

func TestMeta(t *testing.T) {
	h := newTree(t)
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	h.link("x", "usr/bin/link")
	s := h.take(open(t, t.TempDir()))
	info, err := os.Stat(h.path("usr/bin/x"))
	h.must(err)
	m, ok := s.File("/usr/bin/x")
	if !ok || m.Mode != 0o644 || m.Size != 1 || m.Type != 0o100000 || m.Digest != "md5:9dd4e461268c8034f5c8564e155c67a6" || m.Ino == 0 || m.Dev == 0 ||
		m.Ctime.Before(info.ModTime()) {
		t.Errorf("file %+v", m)
	}
	if m, ok := s.File("/usr/bin/link"); !ok || m.Type != 0o120000 || m.Target != "x" || m.Digest != "" {
		t.Errorf("link %+v", m)
	}
	if m, ok := s.File("/usr/bin"); !ok || m.Type != 0o040000 || m.Size != 0 || !m.Ctime.IsZero() {
		t.Errorf("directory %+v", m)
	}
	for _, p := range []string{"/usr/bin/y", "/", "", "usr/bin/x", "/usr/bin/x/"} {
		if _, ok := s.File(p); ok {
			t.Errorf("there is a %q", p)
		}
	}
	if p, ok := s.Owner("/usr/bin/x"); !ok || p.Name != "x" || p.Version != "1" {
		t.Errorf("owner %+v", p)
	}
	if p, ok := s.Owner("/usr/bin/link"); ok {
		t.Errorf("owner of what nobody owns %+v", p)
	}
}
