package lxc_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

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
