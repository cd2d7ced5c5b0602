package delta_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file and the directories it needs.
func put(t testing.TB, path, content string) {
	t.Helper()
	do(t, os.MkdirAll(filepath.Dir(path), 0o755))
	do(t, os.WriteFile(path, []byte(content), 0o644))
}

func openDir(t testing.TB, path string) *beneath.Dir {
	t.Helper()
	d, err := beneath.Open(path)
	do(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func openDelta(t testing.TB, path string) *delta.Delta {
	t.Helper()
	d, err := delta.Open(path)
	do(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// stage is a base, a delta and the place where both are mounted, as a container sees them.
type stage struct {
	t                 *testing.T
	base, delta, root string
}

// newStage makes an empty base and delta. The test runs in a mount namespace of its own.
func newStage(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	s := &stage{t: t, base: dir + "/base", delta: dir + "/delta", root: dir + "/root"}
	for _, d := range []string{s.base, s.delta + "/upper", s.delta + "/work", s.root} {
		do(t, os.MkdirAll(d, 0o755))
	}
	return s
}

// mount shows the base through the delta, with the options that containers have.
func (s *stage) mount() {
	s.t.Helper()
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", s.base, s.delta, s.delta)
	for _, o := range overlay.Options() {
		options += "," + o.Key + "=" + o.Value
	}
	do(s.t, unix.Mount("overlay", s.root, "overlay", 0, options))
	s.t.Cleanup(func() { _ = unix.Unmount(s.root, unix.MNT_DETACH) })
}

func (s *stage) unmount() {
	s.t.Helper()
	do(s.t, unix.Unmount(s.root, 0))
}

// in mounts, acts in the root and unmounts.
func (s *stage) in(act func(root string)) {
	s.t.Helper()
	s.mount()
	act(s.root + "/")
	s.unmount()
}

func (s *stage) view() delta.View {
	return delta.View{Layers: []delta.Layer{{Dir: openDir(s.t, s.base)}}}
}

// diff is the changes of the upper as lines: class, path, what it is now, what differs.
func (s *stage) diff(v delta.View) []string {
	s.t.Helper()
	lines := []string{}
	do(s.t, delta.Diff(s.t.Context(), openDir(s.t, s.delta+"/upper"), v, func(c delta.Change) error {
		lines = append(lines, line(c))
		return nil
	}))
	return lines
}

func line(c delta.Change) string {
	parts := []string{string(c.Class), c.Path}
	if strings.ContainsFunc(c.Path, func(r rune) bool { return r < ' ' || r > '~' }) {
		parts[1] = fmt.Sprintf("%q", c.Path)
	}
	if c.Was.Kind != c.Is.Kind {
		parts = append(parts, fmt.Sprintf("(%s -> %s)", c.Was.Kind, c.Is.Kind))
	}
	return strings.Join(append(parts, c.Fields...), " ")
}

// entries is what Walk shows, as "kind path".
func entries(t testing.TB, upper string) []string {
	t.Helper()
	var lines []string
	do(t, delta.Walk(t.Context(), openDir(t, upper), func(e delta.Entry) error {
		lines = append(lines, string(e.Kind)+" "+e.Path())
		return nil
	}))
	return lines
}

// names is all paths below dir, with "/" behind directories.
func names(t testing.TB, dir string) []string {
	t.Helper()
	paths := []string{}
	do(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if rel := path[len(dir)+1:]; e.IsDir() {
			paths = append(paths, rel+"/")
		} else {
			paths = append(paths, rel)
		}
		return nil
	}))
	slices.Sort(paths)
	return paths
}

// acl is an access ACL with one named user beside mode 0644.
func acl(user uint32) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 4, user}, {4, 4, ^uint32(0)}, {16, 4, ^uint32(0)}, {32, 4, ^uint32(0)}} {
		out = binary.LittleEndian.AppendUint16(out, uint16(e[0]))
		out = binary.LittleEndian.AppendUint16(out, uint16(e[1]))
		out = binary.LittleEndian.AppendUint32(out, e[2])
	}
	return out
}

// capability is cap_net_raw+ep of revision 2, or of 3 for the given root.
func capability(root uint32) []byte {
	magic := uint32(0x02000001)
	if root != 0 {
		magic = 0x03000001
	}
	out := binary.LittleEndian.AppendUint32(nil, magic)
	for _, set := range []uint32{1 << 13, 0, 0, 0} {
		out = binary.LittleEndian.AppendUint32(out, set)
	}
	if root != 0 {
		out = binary.LittleEndian.AppendUint32(out, root)
	}
	return out
}
