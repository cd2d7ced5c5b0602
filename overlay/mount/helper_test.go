package mount_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

// shift is what the ids of a container are shifted by.
const shift = 0x70010000

// bothWays runs test with each way of mounting, in a fresh world. by is how the session was told to work.
func bothWays(t *testing.T, test func(t *testing.T, w world, s *mount.Session, byPath bool)) {
	t.Helper()
	for _, way := range []struct {
		name   string
		byPath bool
	}{{"descriptors", false}, {"paths", true}} {
		t.Run(way.name, func(t *testing.T) {
			w := newWorld(t)
			s := session(t, w.run)
			if way.byPath {
				s.ByPath()
			}
			test(t, w, s, way.byPath)
		})
	}
}

// userns makes a user namespace whose id 0 is the host's id shift.
func userns(t *testing.T) *os.File {
	t.Helper()
	cmd := exec.Command("cat")
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: shift, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: maps, GidMappings: maps}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ns, err := os.Open("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/user")
	if err := errors.Join(err, stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// attach mounts stacks for a container and takes them away at the end of the test.
func attach(t *testing.T, s *mount.Session, w world, ns *os.File, stacks ...overlay.Stack) (*mount.Root, string) {
	t.Helper()
	at := filepath.Join(w.run, "rootfs")
	root, err := s.Mount(mount.Request{Stacks: stacks, UserNS: ns, At: at})
	if err != nil {
		t.Fatalf("Mount: %v", err)
	}
	t.Cleanup(func() {
		if err := root.Close(); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: the test has closed it
			t.Errorf("Close: %v", err)
		}
	})
	return root, at
}

func read(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("read %s: %q, %v; want %q", path, got, err, want)
	}
}

func absent(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: %v, want it not to be there", path, err)
	}
}

func whiteout(t *testing.T, path string) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if err := unix.Mknod(path, unix.S_IFCHR, 0); err != nil {
		t.Fatal(err)
	}
}

func owner(t *testing.T, path string, want uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Error(err)
		return
	}
	if st.Uid != want || st.Gid != want {
		t.Errorf("%s belongs to %d:%d, want %d", path, st.Uid, st.Gid, want)
	}
}

// further is a host filesystem mounted at name below the base, with a stack of its own.
func (w world) further(t *testing.T, name string) overlay.Stack {
	t.Helper()
	base := filepath.Join(w.base, name)
	tmpfs(t, base, "mode=0755")
	delta := overlay.DeltaDir(filepath.Dir(w.stack.Upper), "/"+name)
	stack := overlay.Stack{
		Point: "/" + name, Base: base, Upper: filepath.Join(delta, "upper"), Work: filepath.Join(delta, "work"),
		Seed: filepath.Join(w.stack.Seed, name), Common: filepath.Join(w.stack.Common, name), Mask: filepath.Join(w.stack.Mask, name),
	}
	for _, dir := range []string{stack.Upper, stack.Work, stack.Mask} {
		mkdir(t, dir)
	}
	return stack
}
