package evidence_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/evidence"
)

func contextWithTimeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// replace replaces a file of a base by rename, as package managers do.
func replace(t testing.TB, base, path, text string, mode os.FileMode) {
	t.Helper()
	write(t, filepath.Join(base, "new"), text, mode)
	if err := os.Rename(filepath.Join(base, "new"), filepath.Join(base, path)); err != nil {
		t.Fatal(err)
	}
}

// was is how paths of a base were before a patch.
type was struct {
	base  string
	paths []string
	hosts []evidence.Host
}

func remember(t testing.TB, base string, paths ...string) was {
	t.Helper()
	w := was{base: base, paths: paths}
	for _, path := range paths {
		w.hosts = append(w.hosts, hostOf(t, base, path))
	}
	return w
}

// changed is the difference to how they are now.
func (w was) changed(t testing.TB) []evidence.Changed {
	t.Helper()
	var changed []evidence.Changed
	for i, path := range w.paths {
		old := w.hosts[i]
		changed = append(changed, evidence.Changed{
			Path: path, Old: old.Exists, OldIno: old.Ino, OldDev: old.Dev, OldSize: old.Size, OldMode: old.Mode, OldUID: old.UID, OldGID: old.GID,
			Now: hostOf(t, w.base, path), Package: "test",
		})
	}
	return changed
}

func hostOf(t testing.TB, base, path string) evidence.Host {
	t.Helper()
	h := evidence.Host{Path: filepath.Join(base, path)}
	var st unix.Stat_t
	err := unix.Lstat(h.Path, &st)
	if errors.Is(err, unix.ENOENT) {
		return h
	}
	if err != nil {
		t.Fatal(err)
	}
	h.Exists, h.Type, h.Mode, h.UID, h.GID = true, st.Mode&unix.S_IFMT, st.Mode&0o7777, st.Uid, st.Gid
	h.Dev, h.Ino, h.Size, h.Ctime = st.Dev, st.Ino, uint64(st.Size), time.Unix(st.Ctim.Unix())
	if h.Type == unix.S_IFLNK {
		if h.Target, err = os.Readlink(h.Path); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// look looks at the container.
func (c *container) look(changed []evidence.Changed) evidence.Report {
	c.t.Helper()
	return c.lookOn(c.base, changed)
}

// lookOn is look with another directory as the host's root.
func (c *container) lookOn(root string, changed []evidence.Changed) evidence.Report {
	c.t.Helper()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	reports := evidence.Look(context.Background(), self, []evidence.Subject{c.subject}, changed, evidence.Options{Root: root})
	r, ok := reports[c.subject.Name]
	if !ok || len(reports) != 1 {
		c.t.Fatalf("reports of %d containers, want one of %s", len(reports), c.subject.Name)
	}
	if r.Unknown != "" {
		c.t.Fatalf("unknown: %s", r.Unknown)
	}
	return r
}

// kinds returns what a report says of a path.
func kinds(r evidence.Report, path string) map[evidence.Kind]evidence.Finding {
	found := map[evidence.Kind]evidence.Finding{}
	for _, f := range r.Findings {
		if f.Path == path {
			found[f.Kind] = f
		}
	}
	return found
}

// found holds that a report says so much of a path and no more.
func (c *container) found(r evidence.Report, path string, want ...evidence.Kind) {
	c.t.Helper()
	found := kinds(r, path)
	for _, kind := range want {
		if _, ok := found[kind]; !ok {
			c.t.Errorf("%s: no finding %q in %+v", path, kind, r)
		}
		delete(found, kind)
	}
	for _, f := range found {
		c.t.Errorf("%s: unexpected %+v", path, f)
	}
}

func TestMappedExecutedOpen(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	supply(t, base, "usr/bin/daemon")
	for _, name := range []string{"library", "data", "read", "unseen"} {
		write(t, filepath.Join(base, "usr/lib", name), "old", 0o644)
	}
	c := newContainer(t, base)
	c.do("map", "/usr/lib/library")
	c.do("open", "/usr/lib/data")
	c.do("read", "/usr/lib/read")
	c.do("run", "/usr/bin/daemon", "daemon")
	before := remember(t, base, "/usr/lib/library", "/usr/lib/data", "/usr/lib/read", "/usr/lib/unseen", "/usr/bin/daemon")
	seen := remember(t, base, "/usr/lib/library", "/usr/lib/data", "/usr/lib/read", "/usr/bin/daemon") // looking is remembered, see the package
	if r := c.look(seen.changed(t)); len(r.Findings) != 0 || r.Processes != 2 || r.Looked != 4 {
		t.Fatalf("before anything changed: %+v", r)
	}

	for _, name := range []string{"library", "data", "read", "unseen"} {
		replace(t, base, "usr/lib/"+name, "new", 0o644)
	}
	supply(t, base, "new") // other bytes are not needed, another inode is
	if err := os.Rename(filepath.Join(base, "new"), filepath.Join(base, "usr/bin/daemon")); err != nil {
		t.Fatal(err)
	}
	r := c.look(before.changed(t))
	for path, want := range map[string][]evidence.Kind{
		"/usr/lib/library": {evidence.Mapped, evidence.Answers},
		"/usr/lib/data":    {evidence.Open, evidence.Answers},
		"/usr/lib/read":    {evidence.Answers},
		"/usr/lib/unseen":  {},
		"/usr/bin/daemon":  {evidence.Executed},
	} {
		c.found(r, path, want...)
	}
	if text := c.do("mapped", ""); text != "old" {
		t.Errorf("mapped is %q", text)
	}
	for name, want := range map[string]string{"library": "old", "data": "old", "read": "old", "unseen": "new"} {
		if text := c.do("read", "/usr/lib/"+name); text != want {
			t.Errorf("a new process reads %q in %s, want %q", text, name, want)
		}
	}
}
