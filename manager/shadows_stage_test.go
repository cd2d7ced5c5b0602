package manager_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

func do(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// replace writes a file as dpkg does: a new one is renamed over the old.
func replace(t testing.TB, path, content string, mode os.FileMode) {
	t.Helper()
	do(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".dpkg-new", []byte(content), mode), os.Chmod(path+".dpkg-new", mode),
		os.Rename(path+".dpkg-new", path))
}

func relink(t testing.TB, path, target string) {
	t.Helper()
	do(t, os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path+".dpkg-new"), os.Rename(path+".dpkg-new", path))
}

// shadowed is a host, below base, and a container of it: common and mask over the base, and a delta.
type shadowed struct {
	t                               testing.TB
	base, common, mask, delta, root string
}

func newShadowed(t testing.TB) *shadowed {
	t.Helper()
	dir := t.TempDir()
	s := &shadowed{t: t, base: dir + "/base", common: dir + "/common", mask: dir + "/mask", delta: dir + "/delta", root: dir + "/root"}
	for _, d := range []string{s.base, s.common, s.mask, s.delta + "/upper", s.delta + "/work", s.root} {
		do(t, os.MkdirAll(d, 0o755))
	}
	return s
}

// mount shows the host through the container's layers, afresh.
func (s *shadowed) mount() {
	s.t.Helper()
	options := fmt.Sprintf("lowerdir=%s:%s:%s,upperdir=%s/upper,workdir=%s/work", s.common, s.mask, s.base, s.delta, s.delta)
	for _, o := range overlay.Options() {
		options += "," + o.Key + "=" + o.Value
	}
	do(s.t, unix.Mount("overlay", s.root, "overlay", 0, options))
}

// in acts inside the container.
func (s *shadowed) in(act func(root string)) {
	s.t.Helper()
	s.mount()
	defer func() { do(s.t, unix.Unmount(s.root, 0)) }()
	act(s.root)
}

func (s *shadowed) open(path string) *beneath.Dir {
	s.t.Helper()
	d, err := beneath.Open(path)
	do(s.t, err)
	s.t.Cleanup(func() { _ = d.Close() })
	return d
}

func (s *shadowed) look(l manager.Look) []shadow.Shadow {
	s.t.Helper()
	d, err := delta.Open(s.delta)
	do(s.t, err)
	defer d.Close()
	view := delta.View{Layers: []delta.Layer{{Dir: s.open(s.common)}, {Dir: s.open(s.mask)}, {Dir: s.open(s.base)}}}
	found, err := manager.Hunt(context.Background(), d, []string{"/"}, map[string]delta.View{"/": view}, []string{"/usr/bin/su"}, l)
	do(s.t, err)
	return found
}

// node is one path of an index of the host.
type node struct {
	shadow.File
	ino   uint64
	ctime unix.Timespec
}

// index is what the host has, by path.
func (s *shadowed) index() map[string]node {
	s.t.Helper()
	all := map[string]node{}
	do(s.t, filepath.WalkDir(s.base, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == s.base {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		n := node{File: shadow.File{Mode: st.Mode, UID: st.Uid, GID: st.Gid}, ino: st.Ino, ctime: st.Ctim}
		n.Target, _ = os.Readlink(path)
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			n.ctime = unix.Timespec{}
		}
		all[strings.TrimPrefix(path, s.base)] = n
		return nil
	}))
	return all
}

// changes compares two indexes.
func changes(was, is map[string]node) []shadow.Change {
	var all []shadow.Change
	for path, n := range is {
		old, there := was[path]
		switch {
		case !there:
			all = append(all, shadow.Change{Path: path, Is: &n.File})
		case old != n:
			all = append(all, shadow.Change{Path: path, Was: &old.File, Is: &n.File})
		}
	}
	for path, n := range was {
		if _, there := is[path]; !there {
			all = append(all, shadow.Change{Path: path, Was: &n.File})
		}
	}
	return all
}

// vendors are packages by what they have.
type vendors struct {
	owners map[string]shadow.Owner
	known  map[string][]generation.Digest
	asked  int
}

func (v *vendors) Owner(path string) (shadow.Owner, bool) {
	o, ok := v.owners[path]
	return o, ok
}

func (v *vendors) Known(_ context.Context, paths []string) (map[string][]generation.Digest, error) {
	v.asked += len(paths)
	found := map[string][]generation.Digest{}
	for _, p := range paths {
		if k := v.known[p]; k != nil {
			found[p] = k
		}
	}
	return found, nil
}

func sum(content string) string {
	digest := md5.Sum([]byte(content))
	return "md5:" + hex.EncodeToString(digest[:])
}

// reads is what somebody who opens the path reads, of a link where it leads in the end; a path outside the root is none of it.
func reads(root, path string) string {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err.Error()
	}
	defer unix.Close(fd)
	file, err := unix.Openat2(fd, strings.TrimPrefix(path, "/"), &unix.OpenHow{Flags: unix.O_RDONLY, Resolve: unix.RESOLVE_IN_ROOT})
	if err != nil {
		return "no file"
	}
	f := os.NewFile(uintptr(file), path)
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "no file"
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
