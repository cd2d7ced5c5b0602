package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/evidence"
)

// dir is where the paths of the tables lie.
const dir = "/usr/share/test/"

// lookedUp is a path that a patch changes: how it was, what the container did to it, what the patch does, and what must be found then.
type lookedUp struct {
	summary string
	name    string
	old     string                          // content before the patch; "" for no such file
	use     func(c *container, path string) // by processes of the container, before the patch
	patch   func(t testing.TB, file string) // file is the path on the host
	want    []evidence.Kind                 // nothing: what the container sees is the host's
	detail  string                          // in the finding
	inside  string                          // what a new process of the container reads then: content, target, or "ENOENT"
}

func read(c *container, path string) { c.do("read", path) }

// missed looks a name up that is not there.
func missed(c *container, path string) {
	if a := c.try("read", path); !strings.Contains(a.Error, "no such file") {
		c.t.Errorf("read %s: %+v", path, a)
	}
}

// renamed replaces the file as package managers do.
func renamed(text string, mode os.FileMode) func(testing.TB, string) {
	return func(t testing.TB, file string) { replace(t, filepath.Dir(file), filepath.Base(file), text, mode) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lookedUps is the table.
//
// long: a table
func lookedUps() []lookedUp {
	remove := func(t testing.TB, file string) { t.Helper(); must(t, os.Remove(file)) }
	inPlace := func(t testing.TB, file string) { t.Helper(); must(t, os.WriteFile(file, []byte("new"), 0o644)) }
	chmod := func(t testing.TB, file string) { t.Helper(); must(t, os.Chmod(file, 0o600)) }
	link := func(target string) func(testing.TB, string) {
		return func(t testing.TB, file string) {
			t.Helper()
			must(t, os.Symlink(target, file+".new"))
			must(t, os.Rename(file+".new", file))
		}
	}
	readlink := func(c *container, path string) { c.do("readlink", path) }
	answers := []evidence.Kind{evidence.Answers}
	return []lookedUp{
		{summary: "looked up and closed", old: "old", use: read, patch: renamed("new", 0o644), want: answers, detail: "content", inside: "old"},
		{summary: "of another length", old: "old", use: read, patch: renamed("longer", 0o644), want: answers, detail: "3 bytes", inside: "old"},
		{summary: "never looked up", old: "old", patch: renamed("new", 0o644), inside: "new"},
		{summary: "absent name now there", use: missed, patch: renamed("new", 0o644), want: []evidence.Kind{evidence.Missing}, inside: "ENOENT"},
		{summary: "new and never looked up", patch: renamed("new", 0o644), inside: "new"},
		{summary: "removed", old: "old", use: read, patch: remove, want: []evidence.Kind{evidence.Lingers}, inside: "old"},
		{summary: "removed and never looked up", old: "old", patch: remove, inside: "ENOENT"},
		{summary: "replaced by the same bytes", old: "old", use: read, patch: renamed("old", 0o644), inside: "old"},
		{summary: "the same bytes of another mode", old: "old", use: read, patch: renamed("old", 0o755), want: answers, detail: "mode 0644", inside: "old"},
		{summary: "written in place", old: "old", use: read, patch: inPlace, inside: "new"},
		{summary: "mode changed in place", old: "old", use: read, patch: chmod, want: answers, detail: "in place"},
		{summary: "link retargeted", old: "-> a", use: readlink, patch: link("b"), want: answers, detail: `"b"`, inside: "-> a"},
		{summary: "link never read", old: "-> a", patch: link("b"), inside: "-> b"},
		{summary: "link made a file", old: "-> a", use: readlink, patch: renamed("new", 0o644), want: answers, detail: "type", inside: "-> a"},
		{summary: "file made a directory", old: "old", use: read, patch: func(t testing.TB, file string) {
			t.Helper()
			remove(t, file)
			mkdir(t, file)
		}, want: answers, detail: "type", inside: "old"},
		{summary: "old file kept by a hard link", old: "old", use: read, patch: func(t testing.TB, file string) {
			t.Helper()
			must(t, os.Link(file, file+".keep"))
			renamed("new", 0o644)(t, file)
		}, want: answers, inside: "old"},
		{summary: "edited by the container", old: "old", use: func(c *container, path string) { c.do("write", path, "own") },
			patch: renamed("new", 0o644), want: answers, detail: "content", inside: "own"},
		{summary: "chmod by the container", old: "old", use: func(c *container, path string) { c.do("chmod", path) },
			patch: renamed("new", 0o644), want: answers, detail: "content", inside: "old"},
		{summary: "chmod by the container, same bytes", old: "old", use: func(c *container, path string) { c.do("chmod", path) },
			patch: renamed("old", 0o644), inside: "old"},
		{summary: "deleted by the container", old: "old", use: func(c *container, path string) { c.do("remove", path) },
			patch: renamed("new", 0o644), want: []evidence.Kind{evidence.Missing}, inside: "ENOENT"},
		{summary: "made by the container, removed from the host", old: "old", use: func(c *container, path string) { c.do("write", path, "own") },
			patch: remove, want: []evidence.Kind{evidence.Lingers}, inside: "own"},
		{summary: "something mounted over it", old: "old", use: func(c *container, path string) {
			c.do("write", "/own", "own")
			c.do("bind", path, "/own")
		}, patch: renamed("new", 0o644), want: answers, detail: "hides it", inside: "own"},
		{summary: "sealed on the host, before and after", name: "sealed", old: "old", patch: func(t testing.TB, file string) {
			t.Helper()
			renamed("new", 0o600)(t, file)
		}},
		{summary: "a newline and backslashes", name: "a\nb\\012 (deleted)", old: "old", use: read, patch: renamed("new", 0o644), want: answers, inside: "old"},
		{summary: "no text at all", name: "\xff\xfe\"\x01", old: "old", use: read, patch: renamed("new", 0o644), want: answers, inside: "old"},
	}
}

// TestLookedUp looks paths up that the host has changed under a running container. That the findings are true is shown by reading the paths in the
// container.
func TestLookedUp(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base, table := newHost(t), lookedUps()
	paths := make([]string, len(table))
	for i, each := range table {
		if each.name == "" {
			each.name = each.summary
		}
		paths[i] = dir + each.name
		file := filepath.Join(base, paths[i])
		mkdir(t, filepath.Dir(file))
		if target, ok := strings.CutPrefix(each.old, "-> "); ok {
			must(t, os.Symlink(target, file))
		} else if each.old != "" {
			write(t, file, each.old, 0o644)
		}
	}
	must(t, os.Chmod(filepath.Join(base, dir, "sealed"), 0o600))
	c := newContainer(t, base)
	for i, each := range table {
		if each.use != nil {
			each.use(c, paths[i])
		}
	}
	before := remember(t, base, paths...)
	for i, each := range table {
		each.patch(t, filepath.Join(base, paths[i]))
	}
	r := c.look(before.changed(t))
	for i, each := range table {
		t.Run(each.summary, func(t *testing.T) {
			c.t = t
			c.found(r, paths[i], each.want...)
			for kind, f := range kinds(r, paths[i]) {
				if !strings.Contains(f.Detail, each.detail) || f.HostIno != hostOf(t, base, paths[i]).Ino {
					t.Errorf("%s: detail %q, want %q; inode on the host %d", kind, f.Detail, each.detail, f.HostIno)
				}
			}
			if got := c.seen(paths[i]); each.inside != "" && got != each.inside {
				t.Errorf("a new process reads %q, want %q", got, each.inside)
			}
		})
	}
}

// seen is what a path of the container is for a process that opens it now.
func (c *container) seen(path string) string {
	c.t.Helper()
	if a := c.try("readlink", path); a.Error == "" {
		return "-> " + a.Text
	}
	a := c.try("read", path)
	if strings.Contains(a.Error, unix.ENOENT.Error()) {
		return "ENOENT"
	}
	if a.Error != "" {
		return a.Error
	}
	return a.Text
}

// TestModeChangedInPlace shows why a mode that the host changes in place makes a container stale, although stat shows the new mode in it.
func TestModeChangedInPlace(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	supply(t, base, "usr/bin/setuid")
	program := filepath.Join(base, "usr/bin/setuid")
	must(t, os.Chmod(program, 0o755|os.ModeSetuid))
	c := newContainer(t, base)
	effective := func() string { return c.do("effective", "/usr/bin/setuid") }
	if got := effective(); got != "0" {
		t.Fatalf("a set-user-id program runs as %s", got)
	}
	before := remember(t, base, "/usr/bin/setuid")
	must(t, os.Chmod(program, 0o755))
	if got := effective(); got == "0" {
		t.Logf("it still runs as root in the container, after the host has taken the bit away")
	} else {
		t.Logf("this kernel notices: it runs as %s", got)
	}
	c.found(c.look(before.changed(t)), "/usr/bin/setuid", evidence.Answers)
}
