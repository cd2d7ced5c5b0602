package lxc_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
)

func TestUserNS(t *testing.T) {
	need.Root(t)
	nsenter := need.Command(t, "nsenter", "install util-linux")
	var all sync.WaitGroup
	for i := range 8 {
		r := idrange.Range{Start: 0x70000000 + uint32(i)*65536, Size: 65536 - uint32(i)}
		all.Add(1)
		go func() {
			defer all.Done()
			ns, err := lxc.UserNS(r)
			if err != nil {
				t.Errorf("UserNS(%v): %v", r, err)
				return
			}
			defer ns.Close()
			var owner uint32
			const getOwner = 0xb704 // NS_GET_OWNER_UID, ioctl_ns(2)
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, ns.Fd(), getOwner, uintptr(unsafe.Pointer(&owner))); errno != 0 || owner != r.Start {
				t.Errorf("the owner is %d, %v; want its own root, %d", owner, errno, r.Start)
			}
			for _, file := range []string{"uid_map", "gid_map"} {
				cmd := exec.Command(nsenter, "--user=/proc/self/fd/3", "cat", "/proc/self/"+file)
				cmd.ExtraFiles = []*os.File{ns}
				out, err := cmd.CombinedOutput()
				want := "0 " + itoa(r.Start) + " " + itoa(r.Size)
				if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
					t.Errorf("%s is %q, %v; want %q", file, got, err, want)
				}
			}
		}()
	}
	all.Wait()
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

// TestUserNSKilled kills processes that make user namespaces. What is left of them would hold the pipe that they write to.
func TestUserNSKilled(t *testing.T) {
	need.Root(t)
	const child = "SYSCTR_TEST_USERNS"
	if os.Getenv(child) != "" {
		for {
			ns, err := lxc.UserNS(idrange.Range{Start: 0x70000000, Size: 65536})
			if err != nil {
				t.Fatal(err)
			}
			ns.Close()
			os.Stdout.WriteString(".")
		}
	}
	for range 20 {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestUserNSKilled$")
		cmd.Env, cmd.Stdout = append(os.Environ(), child+"=1"), writer
		if err := errors.Join(cmd.Start(), writer.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(reader, make([]byte, 3)); err != nil {
			t.Error(err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // says that it was killed
		if err := reader.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, reader); err != nil {
			t.Fatalf("something is left of a killed process: %v", err)
		}
		reader.Close()
	}
}

func TestUserNSRefuses(t *testing.T) {
	need.Root(t)
	for _, r := range []idrange.Range{{}, {Start: 1}, {Start: 0xfffffff0, Size: 65536}} {
		if ns, err := lxc.UserNS(r); err == nil {
			t.Errorf("UserNS(%+v) works", r)
			ns.Close()
		}
	}
	if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); !errors.Is(err, unix.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}
