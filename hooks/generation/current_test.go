package generation_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// counted counts what is asked of a database, and may change something while it is asked.
type counted struct {
	pkgdb.Database
	looks  int
	during func()
	busy   pkgdb.Busy
}

func (c *counted) Packages(ctx context.Context) ([]pkgdb.Package, error) {
	c.looks++
	all, err := c.Database.Packages(ctx)
	if c.during != nil {
		c.during()
	}
	return all, err
}

func (c *counted) Busy(ctx context.Context) (pkgdb.Busy, error) {
	if c.busy.Held {
		return c.busy, nil
	}
	return c.Database.Busy(ctx)
}

func (h tree) counted() (generation.Source, *counted) {
	h.t.Helper()
	source := h.source()
	c := &counted{Database: source.DB}
	source.DB = c
	return source, c
}

// current asks for the current generation, and says how many looks at the packages that took.
func current(h tree, s *generation.Store, source generation.Source, c *counted) (generation.Info, int) {
	h.t.Helper()
	before := c.looks
	info, err := s.Current(h.t.Context(), source)
	h.must(err)
	return info, c.looks - before
}

func TestCurrent(t *testing.T) {
	h, dir := newTree(t), t.TempDir()
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	source, c := h.counted()
	check := func(when string, wantNumber int, wantMixed bool, wantLooks int) {
		t.Helper()
		info, looks := current(h, open(t, dir), source, c)
		if info.Number != wantNumber || info.Mixed != wantMixed || looks != wantLooks || (info.Reason != "") != wantMixed || info.Number > 0 && info.Taken.IsZero() {
			t.Errorf("%s: %+v after %d looks; want number %d, mixed %v after %d", when, info, looks, wantNumber, wantMixed, wantLooks)
		}
	}
	c.busy = pkgdb.Busy{Held: true, PID: 7, Lock: "lock"}
	check("first, while dpkg works", 0, true, 0)
	c.busy = pkgdb.Busy{}
	settle()
	check("first", 1, false, 1)
	check("again", 1, false, 0)
	h.write("etc/edited", "x")
	check("after an edit that no package knows of", 1, false, 0)
	h.install("x", "2", map[string]string{"usr/bin/x": "y"})
	c.busy = pkgdb.Busy{Held: true}
	check("while dpkg works", 1, true, 0)
	c.busy = pkgdb.Busy{}
	settle()
	check("after an upgrade", 2, false, 1)
	check("again", 2, false, 0)
	h.stanza("x", "Package: x\nStatus: install ok half-configured\nVersion: 3\n")
	settle()
	check("half configured", 2, true, 0)
	check("half configured, again", 2, true, 0)
	h.stanza("x", "Package: x\nStatus: install ok installed\nVersion: 3\n")
	settle()
	check("configured", 3, false, 1)
	source.Scope = "more"
	check("another scope of the same files", 3, false, 1)
	check("again", 3, false, 0)
	h.must(os.Chtimes(h.path("var/lib/dpkg/info"), time.Unix(1, 0), time.Unix(1, 0))) // a signature without a change
	settle()
	check("a touched database", 3, false, 1)
	check("again", 3, false, 0)
	h.must(os.WriteFile(filepath.Join(dir, "index-3"), []byte("rubbish"), 0o600))
	check("damaged", 4, false, 1)
	source.DB = nil
	info, err := open(t, dir).Current(t.Context(), source)
	if info.Number != 5 || err != nil {
		t.Errorf("without a database: %+v, %v", info, err)
	}
	if info, err = open(t, dir).Current(t.Context(), source); info.Number != 5 || err != nil {
		t.Errorf("without a database, again: %+v, %v", info, err)
	}
}

// The package manager comes to work while the host is looked at.
func TestChangedMeanwhile(t *testing.T) {
	h := newTree(t)
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	store := open(t, t.TempDir())
	source, c := h.counted()
	version := 1
	upgrade := func() {
		version++
		h.install("x", strconv.Itoa(version), map[string]string{"usr/bin/x": "x"})
	}
	c.during = func() {
		if c.looks == 1 {
			upgrade()
		}
	}
	s, err := store.Take(t.Context(), source)
	h.must(err)
	if s.Mixed || s.Number != 1 || s.Packages()[0].Version != "2" || c.looks != 2 {
		t.Errorf("changed once: %+v of version %s after %d looks", s.Info, s.Packages()[0].Version, c.looks)
	}
	c.during = upgrade
	s, err = store.Take(t.Context(), source)
	h.must(err)
	if !s.Mixed || s.Number != 0 || s.Reason == "" {
		t.Errorf("changed each time: %+v", s.Info)
	}
	if info, err := store.Current(t.Context(), source); info.Number != 1 || !info.Mixed || err != nil {
		t.Errorf("changed each time: current is %+v, %v", info, err)
	}
	c.during = func() { c.busy = pkgdb.Busy{Held: true, PID: 7, Lock: "l"} }
	s, err = store.Take(t.Context(), source)
	h.must(err)
	if !s.Mixed || s.Number != 0 || !strings.Contains(s.Reason, "process 7 holds l") {
		t.Errorf("work began: %+v", s.Info)
	}
}

func TestRestless(t *testing.T) {
	h, dir := newTree(t), t.TempDir()
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	source, c := h.counted()
	check := func(when string, want bool) {
		t.Helper()
		reason, err := open(t, dir).Restless(t.Context(), source)
		if err != nil || (reason != "") != want || c.looks > 1 {
			t.Errorf("%s: %q, %v, after %d looks", when, reason, err, c.looks)
		}
	}
	check("before the first generation", false)
	settle()
	current(h, open(t, dir), source, c)
	check("at rest", false)
	c.busy = pkgdb.Busy{Held: true, PID: 7, Lock: "lock"}
	check("while dpkg works", true)
	c.busy = pkgdb.Busy{}
	h.write("var/lib/dpkg/updates/0001", "x")
	check("left half done", true)
}
