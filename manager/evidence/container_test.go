package evidence_test

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/evidence"
)

// container is a process in namespaces and over a pair of overlays of its own, as sysctr starts them, that does as it is told.
type container struct {
	t       testing.TB
	base    string // the host, as far as the container sees it
	subject evidence.Subject
	in      io.Writer
	answers *bufio.Reader
}

// newHost makes a base with what a test binary needs to run as /usr/bin/init.
func newHost(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(dir, "base")
	mkdir(t, base)
	if err := unix.Mount("base", base, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(base, unix.MNT_DETACH) })
	supply(t, base, "usr/bin/init")
	return base
}

// newContainer starts a container over a base.
func newContainer(t testing.TB, base string) *container {
	t.Helper()
	return newContainerWith(t, base, func(string) {})
}

// newContainerWith is newContainer with something done to its root before.
func newContainerWith(t testing.TB, base string, prepare func(root string)) *container {
	t.Helper()
	c := &container{t: t, base: base}
	c.subject = evidence.Subject{Name: "test", Range: evidence.Range{Start: idmap, Size: idmapSize}, Group: newGroup(t)}
	root := mountStack(t, base)
	prepare(root)
	cmd := exec.Command("/usr/bin/init")
	cmd.Env = []string{insideVariable + "=1"}
	cmd.Dir = "/"
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
		UidMappings: userMaps(), GidMappings: userMaps(), GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{},
	}
	c.run(cmd)
	var err error
	if c.subject.Init, err = alive.Look(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	enter(t, c.subject.Group, cmd.Process.Pid)
	return c
}

// run starts the process that does as it is told.
func (c *container) run(cmd *exec.Cmd) {
	c.t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	c.in, c.answers = in, bufio.NewReaderSize(out, 1<<20)
}

// newGroup makes a cgroup of the test's own.
func newGroup(t testing.TB) alive.Group {
	t.Helper()
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 6)
	_, _ = rand.Read(random) // never fails
	all, err := layout.At("sysctr-test-" + hex.EncodeToString(random))
	if err != nil {
		t.Fatal(err)
	}
	group := alive.Group{}
	for key, name := range all { // one hierarchy is enough; cpuset would need to be filled first
		if key == "" || key == "pids" {
			group[key] = name
		}
	}
	tree, err := layout.Tree(group)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := contextWithTimeout(20 * time.Second)
		defer cancel()
		if err := errors.Join(tree.Kill(ctx), tree.Remove(ctx)); err != nil {
			t.Errorf("clean up after the test: %v", err)
		}
	})
	for key, name := range group {
		if err := os.Mkdir(filepath.Join(layout.Mounts()[key], name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	return group
}

func enter(t testing.TB, group alive.Group, pid int) {
	t.Helper()
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	for key, name := range group {
		procs := filepath.Join(layout.Mounts()[key], name, "cgroup.procs")
		if err := os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// try has the container's first process do something and returns what it says.
func (c *container) try(do, path string, args ...string) answer {
	c.t.Helper()
	var a answer
	line, err := json.Marshal(order{Do: do, Path: strconv.Quote(path), Args: args})
	if err == nil {
		_, err = c.in.Write(append(line, '\n'))
	}
	if err == nil {
		line, err = c.answers.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		c.t.Fatalf("%s %s in the container: %v", do, path, err)
	}
	return a
}

// do is try for what must work.
func (c *container) do(do, path string, args ...string) string {
	c.t.Helper()
	a := c.try(do, path, args...)
	if a.Error != "" {
		c.t.Fatalf("%s %s in the container: %s", do, path, a.Error)
	}
	return a.Text
}
