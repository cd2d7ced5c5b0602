package evidence_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/evidence"
)

// insideVariable makes the test binary a process of a container: see inside.
const insideVariable = "SYSCTR_TEST_INSIDE"

// TestMain lets this binary be the child that looks, and processes of the containers that are looked at.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == evidence.Verb {
		if err := evidence.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if options := os.Getenv(mountVariable); options != "" {
		if err := unix.Mount("inner", os.Args[1], "overlay", unix.MS_RDONLY, options); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if os.Getenv(idVariable) != "" {
		fmt.Print(os.Geteuid())
		return
	}
	if os.Getenv(insideVariable) != "" {
		inside()
		return
	}
	os.Exit(m.Run())
}

// idVariable makes the test binary print its effective user id.
const idVariable = "SYSCTR_TEST_ID"

// order is what a process of a container is told to do, and answer what it says.
type order struct {
	Do   string
	Path string // quoted on the way: JSON is of characters
	Args []string
}

type answer struct {
	Text  string
	Error string
}

// inside carries out orders until there are no more.
func inside() {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	state := &residue{children: map[string]*exec.Cmd{}}
	for lines.Scan() {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		if err == nil {
			o.Path, err = strconv.Unquote(o.Path)
		}
		var text string
		if err == nil {
			text, err = state.obey(o)
		}
		a := answer{Text: text}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return
		}
	}
}

// residue is what orders leave behind in the process.
type residue struct {
	files    []*os.File
	maps     [][]byte
	children map[string]*exec.Cmd
}

func (r *residue) obey(o order) (string, error) {
	switch o.Do {
	case "map":
		return "", r.mapFile(o.Path)
	case "mapped":
		return string(r.maps[len(r.maps)-1]), nil
	case "open":
		f, err := os.Open(o.Path)
		r.files = append(r.files, f)
		return "", err
	case "close":
		return "", r.files[len(r.files)-1].Close()
	case "read":
		text, err := os.ReadFile(o.Path)
		return string(text), err
	case "readlink":
		return os.Readlink(o.Path)
	case "write":
		return "", os.WriteFile(o.Path, []byte(o.Args[0]), 0o644)
	case "rename":
		return "", os.Rename(o.Path, o.Args[0])
	case "remove":
		return "", os.Remove(o.Path)
	case "chmod":
		return "", os.Chmod(o.Path, 0o600)
	case "mount":
		return "", unix.Mount("test", o.Path, "tmpfs", 0, "")
	case "bind":
		return "", unix.Mount(o.Args[0], o.Path, "", unix.MS_BIND, "")
	case "run":
		return "", r.run(o)
	case "crowd":
		return "", r.crowd(o.Path, o.Args)
	case "churn":
		return "", r.churn(o.Path)
	case "effective":
		return effective(o.Path)
	case "end":
		cmd := r.children[o.Path]
		return "", errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	return "", fmt.Errorf("unknown order %q", o.Do)
}

func (r *residue) mapFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	r.maps = append(r.maps, m)
	return err
}

// run starts a program that ends with this process.
func (r *residue) run(o order) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := &exec.Cmd{Path: o.Path, Args: o.Args, Env: []string{insideVariable + "=1"}, Stdin: in, Stdout: os.Stderr, Stderr: os.Stderr}
	r.files = append(r.files, out)
	r.children[o.Path] = cmd
	return cmd.Start()
}

// crowd starts as many programs as the first argument says. They end with the container.
func (r *residue) crowd(program string, args []string) error {
	n, err := strconv.Atoi(args[0])
	for range n {
		if err == nil {
			err = (&exec.Cmd{Path: program, Args: args[1:], Stdin: os.Stdin, Stdout: os.Stderr, Stderr: os.Stderr}).Start()
		}
	}
	return err
}

// churn starts and ends programs without end.
func (r *residue) churn(program string) error {
	once := func() error {
		return (&exec.Cmd{Path: program, Args: []string{"sleep", "0"}, Stdin: os.Stdin, Stdout: os.Stderr, Stderr: os.Stderr}).Run()
	}
	for range 2 {
		go func() {
			for once() == nil {
			}
		}()
	}
	return once()
}

// effective returns the effective user id with which a program runs that an unprivileged user has started.
func effective(program string) (string, error) {
	cmd := &exec.Cmd{Path: program, Args: []string{program}, Env: []string{idVariable + "=1", quickExit}, Stdin: os.Stdin}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	out, err := cmd.Output()
	return string(out), err
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// copyFile copies a file of this machine into a test's base.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, string(text), 0o755)
}

// supply gives a base this binary, and what it needs to run, under a name of the test's choice.
func supply(t testing.TB, base, name string) {
	t.Helper()
	supplyFrom(t, base, name, os.Getpid())
}

// supplySleep gives a base the program sleep, which is small.
func supplySleep(t testing.TB, base string) {
	t.Helper()
	sleep := exec.Command("sleep", "1000")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	maps := "/proc/" + strconv.Itoa(sleep.Process.Pid) + "/maps"
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // until its libraries are loaded
		if text, err := os.ReadFile(maps); err == nil && strings.Contains(string(text), "libc.") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("sleep maps no libc")
		}
	}
	supplyFrom(t, base, "usr/bin/sleep", sleep.Process.Pid)
}

func supplyFrom(t testing.TB, base, name string, pid int) {
	t.Helper()
	self := "/proc/" + strconv.Itoa(pid)
	copyFile(t, self+"/exe", filepath.Join(base, name))
	maps, err := os.ReadFile(self + "/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if path := fields[len(fields)-1]; strings.HasPrefix(path, "/") && strings.Contains(path, ".so") {
			copyFile(t, path, filepath.Join(base, path))
			if short, ok := strings.CutPrefix(path, "/usr/lib"); ok { // where a program looks for its loader and libraries
				copyFile(t, path, filepath.Join(base, "lib"+short))
			}
		}
	}
	for _, loader := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
		if _, err := os.Stat(loader); err == nil {
			copyFile(t, loader, filepath.Join(base, loader))
		}
	}
}

const idmap, idmapSize = 1 << 20, 1 << 16

// userMaps are those of every test container.
func userMaps() []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: idmap, Size: idmapSize}}
}
