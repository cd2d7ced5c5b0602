package evidence_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	if os.Getenv(leaderlessVariable) != "" {
		leaveThreadsBehind(os.Args[1])
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

// leaderlessVariable makes the test binary a process that maps its argument and ends its first thread only.
const leaderlessVariable = "SYSCTR_TEST_LEADERLESS"

func leaveThreadsBehind(path string) {
	if err := new(residue).mapFile(path); err != nil {
		panic(err)
	}
	go func() { _, _ = os.Stdin.Read(make([]byte, 1)) }()
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		panic("not the first thread")
	}
	_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
}

// idVariable makes the test binary print its effective user id.
const idVariable = "SYSCTR_TEST_ID"

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
