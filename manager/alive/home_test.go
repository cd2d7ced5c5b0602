package alive_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
)

// TestHome moves a copy of the test into a group of its own in every hierarchy, and has it go back.
func TestHome(t *testing.T) {
	need.Root(t)
	const inside = "SYSCTR_TEST_HOME"
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(inside) == "" { // this process is many tests; the moved one is not
		cmd := exec.Command(os.Args[0], "-test.run=^TestHome$")
		cmd.Env = append(os.Environ(), inside+"=yes")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	group, err := layout.At(fmt.Sprintf("sysctr-home-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	home, err := layout.Home()
	if err != nil {
		t.Fatal(err)
	}
	before := membership(t)
	for key, mount := range layout.Mounts() {
		dir := path.Join(mount, group[key])
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		defer os.Remove(dir) // hierarchies may share a mount
		if key == "cpuset" {
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				value, err := os.ReadFile(path.Join(mount, file))
				if err == nil {
					err = os.WriteFile(path.Join(dir, file), value, 0)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.WriteFile(path.Join(dir, "cgroup.procs"), []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if moved := membership(t); !strings.Contains(moved, "sysctr-home") {
		t.Fatalf("it has not moved: %s", moved)
	}
	for range 2 {
		if err := home.Return(); err != nil {
			t.Errorf("Return: %v", err)
		}
		if after := membership(t); after != before {
			t.Errorf("it was in\n%sand is in\n%s", before, after)
		}
	}
}

func membership(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
