package mount_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/mount"
)

// isolateVariable makes the test binary a process that isolates its mounts, see isolated.
const isolateVariable = "SYSCTR_TEST_ISOLATE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(isolateVariable); dir != "" {
		if err := isolated(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// isolated isolates its mounts, mounts a tmpfs at dir/inner, and then says for each line that comes in whether dir/outer is a mount.
func isolated(dir string) error {
	if err := mount.Isolate(); err != nil {
		return err
	}
	if err := unix.Mount("inner", filepath.Join(dir, "inner"), "tmpfs", 0, ""); err != nil {
		return err
	}
	fmt.Println("isolated")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		table, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return err
		}
		fmt.Println(strings.Contains(string(table), " "+filepath.Join(dir, "outer")+" "))
	}
	return nil
}

// TestIsolate: mounts made in an isolated namespace stay there; what the host mounts later is seen, and what it unmounts is let go.
func TestIsolate(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	dir := t.TempDir()
	tmpfs(t, dir, "")
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil { // as systemd has it
		t.Fatal(err)
	}
	mkdir(t, filepath.Join(dir, "inner"))
	outer, err := mount.Outer()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), isolateVariable+"="+dir, outer)
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	in, out := pipes(t, child)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(in.Close(), child.Wait()); err != nil {
			t.Errorf("the isolated process: %v", err)
		}
	}()
	answers := bufio.NewScanner(out)
	says := func(want string) {
		t.Helper()
		if !answers.Scan() || answers.Text() != want {
			t.Errorf("the isolated process says %q, want %q", answers.Text(), want)
		}
	}
	says("isolated")
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(table), " "+dir+"/inner ") {
		t.Errorf("a mount of the isolated namespace is on the host: %v", err)
	}
	at := filepath.Join(dir, "outer")
	mkdir(t, at)
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { return unix.Mount("outer", at, "tmpfs", 0, "") }, "true"},
		{func() error { return unix.Unmount(at, 0) }, "false"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, "look\n"); err != nil {
			t.Fatal(err)
		}
		says(step.want)
	}
}

func pipes(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, inErr := cmd.StdinPipe()
	out, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		t.Fatal(err)
	}
	return in, out
}

// TestIsolateRefusesTheOuterNamespace: an Isolate in the host's namespace would cut the host off from its own mounts.
func TestIsolateRefusesTheOuterNamespace(t *testing.T) {
	if need.MountNamespace(t) { // should it not refuse, it harms this process only
		return
	}
	own, err := mount.Outer()
	if err != nil {
		t.Fatal(err)
	}
	variable, value, _ := strings.Cut(own, "=")
	if variable != mount.OuterVariable || value == "" {
		t.Fatalf("Outer is %q", own)
	}
	dir := t.TempDir()
	tmpfs(t, dir, "")
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
	for _, outer := range []string{"", value} {
		t.Setenv(mount.OuterVariable, outer)
		if err := mount.Isolate(); err == nil {
			t.Errorf("Isolate works with %s=%q in the namespace %s", mount.OuterVariable, outer, value)
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		if strings.Contains(line, " "+dir+" ") && !strings.Contains(line, " shared:") {
			t.Errorf("a refused Isolate has changed a mount: %s", line)
		}
	}
}
