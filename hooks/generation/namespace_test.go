package generation_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks/generation"
)

// mounted mounts a tmpfs at a path of the tree.
func (h tree) mounted(path, options string) {
	h.t.Helper()
	h.mkdir(path)
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "none", h.path(path)).CombinedOutput()
	if err != nil {
		h.t.Fatalf("mount: %v\n%s", err, out)
	}
	h.t.Cleanup(func() { h.must(exec.Command("umount", h.path(path)).Run()) })
}

// What is mounted and does not belong to the base is not what containers see.
func TestMounts(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newTree(t)
	h.mounted("usr", "mode=755")
	h.mounted("usr/local/share", "mode=755")
	h.mounted("opt/foreign", "mode=755")
	h.write("etc/bound", "")
	h.write("usr/bin/x", "x")
	h.write("usr/local/share/y", "")
	h.write("opt/foreign/z", "")
	h.write("etc/file", "")
	if out, err := exec.Command("mount", "--bind", h.path("etc/file"), h.path("etc/bound")).CombinedOutput(); err != nil {
		t.Fatalf("bind: %v\n%s", err, out)
	}
	t.Cleanup(func() { h.must(exec.Command("umount", h.path("etc/bound")).Run()) })
	source := h.source()
	source.Points = []string{"/", "/usr"}
	s, err := open(t, t.TempDir()).Take(t.Context(), source)
	h.must(err)
	for path, want := range map[string]bool{
		"/usr": true, "/usr/bin/x": true, "/usr/local": true, "/usr/local/share": false, "/usr/local/share/y": false, "/opt": true,
		"/opt/foreign": false, "/opt/foreign/z": false, "/etc/file": true, "/etc/bound": false,
	} {
		if _, got := s.File(path); got != want {
			t.Errorf("%s is in the index: %v, want %v", path, got, want)
		}
	}
	usr, _ := s.File("/usr/bin/x")
	etc, _ := s.File("/etc/file")
	if usr.Dev == etc.Dev {
		t.Errorf("/usr and /etc are on device %d", usr.Dev)
	}
}

// A full disk leaves what was there, and says what is the matter.
func TestDiskFull(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newTree(t)
	h.install("x", "1", map[string]string{"usr/bin/x": "x"})
	archive := newTree(t)
	archive.mounted("archive", "size=256k,mode=700")
	dir := archive.path("archive")
	settle()
	first := h.take(open(t, dir))
	for _, left := range []int{0, 1, 2} { // pages: nothing can be written, or not all
		fill := filepath.Join(dir, "ballast")
		if err := os.WriteFile(fill, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("fill the disk: %v", err)
		}
		info, err := os.Stat(fill)
		h.must(err)
		h.must(os.Truncate(fill, max(0, info.Size()/4096*4096-int64(left)*4096)))
		for i := range 400 { // so that the index takes several pages
			h.write("opt/"+strings.Repeat("x", 1+left)+strings.Repeat("y", i%200)+string(rune('a'+i/200)), "")
		}
		h.install("x", "2", map[string]string{"usr/bin/x": strings.Repeat("y", left)})
		before := names(h, dir)
		if _, err := open(t, dir).Take(t.Context(), h.source()); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%d pages left: Take = %v", left, err)
		}
		if info, err := open(t, dir).Current(t.Context(), h.source()); info.Number != first.Number || info.Mixed || !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%d pages left: Current = %+v, %v", left, info, err)
		}
		if after := strings.ReplaceAll(names(h, dir), " pack-2", ""); after != before { // a pack alone is no generation, and not in its way
			t.Errorf("%d pages left: the archive had %s, and has %s", left, before, after)
		}
		if _, err := open(t, dir).Load(t.Context(), first.Number); err != nil {
			t.Errorf("%d pages left: %v", left, err)
		}
		h.must(os.Remove(fill))
		os.Remove(filepath.Join(dir, "pack-2"))
	}
	if s := h.take(open(t, dir)); s.Number != first.Number+1 {
		t.Errorf("with room again: generation %d", s.Number)
	}
}

// A real dpkg, stopped in a script of a package: what is on the disk then is no state.
func TestMixed(t *testing.T) {
	need.Root(t)
	need.Command(t, "dpkg-deb", "it is part of dpkg")
	h, dir := newTree(t), t.TempDir()
	h.write("var/lib/dpkg/available", "")
	h.mkdir("var/lib/dpkg/triggers")
	settle()
	before := h.take(open(t, dir))
	arrived, leave := fifo(h, "arrived"), fifo(h, "leave")
	cmd := exec.Command("dpkg", "--root="+h.root, "--force-script-chrootless", "--log=/dev/null", "-i", hello(h))
	cmd.Env = append(os.Environ(), "GATE="+h.root)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	h.must(cmd.Start())
	ended, at := make(chan error, 1), make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	go func() {
		_, err := arrived.Read(make([]byte, 1))
		at <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("dpkg ended early: %v\n%s", err, out.String())
	case err := <-at:
		h.must(err)
	}
	now := h.take(open(t, dir))
	if !now.Mixed || now.Number != 0 || !strings.Contains(now.Reason, "dpkg is at work: process") {
		t.Errorf("while dpkg works: %+v", now.Info)
	}
	if _, ok := now.File("/usr/bin/hello"); !ok {
		t.Error("what dpkg has unpacked already is not in the index")
	}
	if info, err := open(t, dir).Current(t.Context(), h.source()); !info.Mixed || info.Number != before.Number || err != nil {
		t.Errorf("while dpkg works: current is %+v, %v", info, err)
	}
	if d := generation.Compare(before, now); d.From != before.Number || d.To != 0 || !strings.Contains(show(d), "+ /usr/bin/hello local\n") {
		t.Errorf("while dpkg works: %s", show(d)) // of no package yet: that is still in dpkg's journal
	}
	_, err := leave.WriteString("\n")
	h.must(err)
	if err := <-ended; err != nil {
		t.Fatalf("dpkg: %v\n%s", err, out.String())
	}
	after := h.take(open(t, dir))
	if after.Mixed || after.Number != before.Number+1 {
		t.Errorf("after dpkg: %+v", after.Info)
	}
	if p, ok := after.Owner("/usr/bin/hello"); !ok || p.Name != "hello" {
		t.Errorf("owner %+v", p)
	}
}

// fifo makes one in the tree and opens it for both, so that neither end waits for the other to open it.
func fifo(h tree, name string) *os.File {
	h.t.Helper()
	h.must(unix.Mkfifo(h.path(name), 0o600))
	file, err := os.OpenFile(h.path(name), os.O_RDWR, 0)
	h.must(err)
	h.t.Cleanup(func() { file.Close() })
	return file
}

// hello builds a package whose script stops at the gate.
func hello(h tree) string {
	h.t.Helper()
	tree := tree{h.t, h.t.TempDir()}
	tree.write("usr/bin/hello", "x")
	tree.write("DEBIAN/control", "Package: hello\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a test\n")
	tree.write("DEBIAN/postinst", "#!/bin/sh -e\necho > \"$GATE/arrived\"\nread line < \"$GATE/leave\"\n")
	h.must(os.Chmod(tree.path("DEBIAN/postinst"), 0o755))
	file := filepath.Join(h.t.TempDir(), "hello.deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree.root, file).CombinedOutput(); err != nil {
		h.t.Fatalf("build a package: %v\n%s", err, out)
	}
	return file
}
