package alive_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
)

// TestMain lets a test run this binary as a process that does something odd.
func TestMain(m *testing.M) {
	switch os.Getenv("ALIVE_TEST_HELPER") {
	case "":
		os.Exit(m.Run())
	case "leaderless":
		leaveThreadsBehind()
	}
}

// leaveThreadsBehind ends the first thread of the process only. The others go on until stdin ends.
func leaveThreadsBehind() {
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		fmt.Println("not the first thread")
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// start runs a program that ends with the test, and returns it with its identity.
func start(t testing.TB, name string, args ...string) (*exec.Cmd, alive.Process) {
	t.Helper()
	cmd := exec.Command(name, args...)
	return cmd, run(t, cmd)
}

// run starts a program that ends with the test.
func run(t testing.TB, cmd *exec.Cmd) alive.Process {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // ended already where the test is about that
		_ = cmd.Wait()
	})
	p, err := alive.Look(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eventually polls for what the kernel does a moment later.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// place is a group of this test's own in every hierarchy, with directories made.
type place struct {
	layout alive.Layout
	group  alive.Group
	tree   alive.Tree
}

// newPlace makes a group in all hierarchies, or those given by keys, and takes away what the test leaves of it.
func newPlace(t testing.TB, keys ...string) place {
	t.Helper()
	need.Root(t)
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 6)
	rand.Read(random)
	group, err := layout.At("sysctr-test-" + hex.EncodeToString(random))
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) > 0 {
		some := alive.Group{}
		for _, key := range keys {
			if _, ok := group[key]; !ok {
				need.Missing(t, fmt.Sprintf("needs the cgroup hierarchy %q mounted", key))
			}
			some[key] = group[key]
		}
		group = some
	}
	tree, err := layout.Tree(group)
	if err != nil {
		t.Fatal(err)
	}
	p := place{layout: layout, group: group, tree: tree}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err := tree.Kill(ctx)
		if err = errors.Join(err, tree.Remove(ctx)); err != nil {
			t.Errorf("clean up after the test: %v", err)
		}
	})
	for key := range group {
		p.mkdir(t, key, "")
	}
	return p
}

// dir is the directory of a group below the place.
func (p place) dir(key, below string) string {
	return filepath.Join(p.layout.Mounts()[key], p.group[key], below)
}

func (p place) mkdir(t testing.TB, key, below string) {
	t.Helper()
	if below != "" {
		if dir := filepath.Dir(below); dir != "." {
			p.mkdir(t, key, dir)
		}
	}
	if err := os.Mkdir(p.dir(key, below), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	// A version 1 cpuset takes no process before it has cpus and memory.
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		inherited, err := os.ReadFile(filepath.Join(filepath.Dir(p.dir(key, below)), name))
		if err == nil && key == "cpuset" {
			p.write(t, key, filepath.Join(below, name), string(inherited))
		}
	}
}

func (p place) write(t testing.TB, key, name, value string) {
	t.Helper()
	if err := os.WriteFile(p.dir(key, name), []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// enter puts a process into the group below the place, in all its hierarchies.
func (p place) enter(t testing.TB, pid int, below string) {
	t.Helper()
	for key := range p.group {
		p.mkdir(t, key, below)
		p.write(t, key, filepath.Join(below, "cgroup.procs"), strconv.Itoa(pid))
	}
}

// sleeper puts a process that does nothing into the group below the place.
func (p place) sleeper(t testing.TB, below string) alive.Process {
	t.Helper()
	_, process := start(t, "sleep", "1000")
	p.enter(t, process.PID, below)
	return process
}
