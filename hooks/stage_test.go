package hooks_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const hostDir = "/run/sysctr/host"

// stage is a mount namespace whose /run is empty, the script, and a program in place of sysctr that tells how it was started and stays.
type stage struct {
	script string
	binary string
	told   string // a FIFO: pid, session and descriptors of the program
}

func newStage(t *testing.T) stage {
	t.Helper()
	// What this process has inherited itself is not the script's. Shells can close no more than ten descriptors.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	mount(t, "/run", "")
	dir := t.TempDir()
	s := stage{script: filepath.Join(dir, "pkg-hook"), binary: filepath.Join(dir, "sysctr"), told: filepath.Join(dir, "told")}
	text, err := os.ReadFile("pkg-hook")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("@BINARY@"), []byte(s.binary))
	program := "#!/bin/sh\nfds=$(cd /proc/$$/fd; for f in *; do echo $f=$(readlink $f); done)\n" +
		"echo $$ $(cut -d' ' -f6 /proc/$$/stat) \"$*\" $fds >" + s.told + "\nexec sleep 1000\n"
	if err := errors.Join(os.WriteFile(s.script, text, 0o700), os.WriteFile(s.binary, []byte(program), 0o700), unix.Mkfifo(s.told, 0o600)); err != nil {
		t.Fatal(err)
	}
	return s
}

// mount puts an empty tmpfs over a directory until the end of the test.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o755), unix.Mount("tmpfs", dir, "tmpfs", 0, options)); err != nil {
		t.Fatalf("mount a tmpfs at %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// prepare makes what a prepared host has; systemd says whether one is PID 1.
func prepare(t *testing.T, systemd bool) {
	t.Helper()
	if err := os.MkdirAll(hostDir, 0o700); err != nil {
		t.Fatal(err)
	}
	if systemd {
		if err := os.MkdirAll("/run/systemd/system", 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs the script as a package manager does, and says what it printed. It must end well, whatever there is or is not.
func (s stage) run(t *testing.T, shell string) {
	t.Helper()
	cmd := exec.Command(shell, s.script, "apt")
	cmd.Stdin = strings.NewReader("") // there may be no /dev/null
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("the script in %s: %v, printed %q", shell, err, out)
	}
}

func mark(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(hostDir + "/pending")
	if err != nil {
		return "none"
	}
	return string(text)
}

// shells are those that are /bin/sh somewhere, as far as this machine has them.
func shells(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, name := range []string{"dash", "bash"} {
		if path, err := exec.LookPath(name); err == nil {
			all = append(all, path)
			continue
		}
		t.Logf("not tried in %s: there is none", name)
	}
	return append(all, "/bin/sh")
}

// fill writes until nothing more fits.
func fill(t *testing.T, dir string) {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if err := errors.Join(ignoreFull(err), file.Close()); err != nil {
		t.Fatal(err)
	}
}

func ignoreFull(err error) error {
	if errors.Is(err, unix.ENOSPC) {
		return nil
	}
	return err
}

// tell returns what the program in place of sysctr says when it is started.
func (s stage) tell() string {
	text, err := os.ReadFile(s.told)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// stopped kills the program that told this, which must be alive, and returns its pid.
func (s stage) stopped(t *testing.T, told string) int {
	t.Helper()
	first, _, _ := strings.Cut(told, " ")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatalf("told %q", told)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Errorf("end the program in place of sysctr: %v", err)
	}
	return pid
}

// fullPipe makes a FIFO that takes no byte more until somebody reads from what is returned.
func fullPipe(t *testing.T, path string) *os.File {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = unix.Write(fd, make([]byte, 4096))
	}
	if !errors.Is(err, unix.EAGAIN) {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { file.Close() })
	return file
}

// writing waits until a process has the file open as its standard output, and returns all that it has open.
func writing(t *testing.T, pid int, path string) map[int]string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	deadline := time.After(time.Minute)
	for {
		if target, _ := os.Readlink(dir + "/1"); target == path {
			break
		}
		select {
		case <-deadline:
			t.Fatal("it never wrote the mark")
		case <-time.After(time.Millisecond):
		}
	}
	open := map[int]string{}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		fd, _ := strconv.Atoi(e.Name())
		target, linkErr := os.Readlink(filepath.Join(dir, e.Name()))
		open[fd], err = target, errors.Join(err, linkErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return open
}
