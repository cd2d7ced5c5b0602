package evidence_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mountVariable makes the test binary mount an overlay at its first argument with the options of the variable: see mountStack.
const mountVariable = "SYSCTR_TEST_MOUNT"

// quickExit keeps a test binary that was built to detect races from waiting a second before it ends.
const quickExit = "GORACE=atexit_sleep_ms=0"

// mounter owns nothing on this machine: no package has a user of this id.
const mounter = 64917

const layerOptions = "index=off,metacopy=off,xino=off,redirect_dir=nofollow,nfs_export=off"

// mountStack mounts a pair of overlays over the base as overlay/mount does on old kernels, and returns where: the inner one with credentials that
// own nothing, over an idmapped base, and not attached any more when the outer one is.
func mountStack(t testing.TB, base string) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) { // the mounter walks through them
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := filepath.Join(dir, "run")
	mkdir(t, run)
	if err := unix.Mount("run", run, "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(run, unix.MNT_DETACH) })
	at := func(name string) string { return filepath.Join(run, name) }
	delta := filepath.Join(dir, "delta")
	for _, d := range []string{at("seed"), at("mask"), at("base"), at("inner"), at("root"), delta + "/upper", delta + "/work"} {
		mkdir(t, d)
	}
	if err := errors.Join(os.Chown(delta+"/upper", idmap, idmap), os.Chown(at("seed"), idmap, idmap), os.Chown(at("mask"), idmap, idmap)); err != nil {
		t.Fatal(err)
	}
	attachIdmapped(t, base, at("base"))
	inner := exec.Command("/proc/self/exe", at("inner"))
	inner.Env = []string{mountVariable + "=lowerdir=" + at("mask") + ":" + at("base") + "," + layerOptions, quickExit}
	inner.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: mounter, Gid: mounter}, AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	if out, err := inner.CombinedOutput(); err != nil {
		t.Fatalf("mount the inner overlay: %v: %s", err, out)
	}
	options := fmt.Sprintf("lowerdir=%s:%s,upperdir=%s,workdir=%s,%s", at("seed"), at("inner"), delta+"/upper", delta+"/work", layerOptions)
	if err := unix.Mount("outer", at("root"), "overlay", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(at("root"), unix.MNT_DETACH) })
	for _, name := range []string{"inner", "base"} {
		if err := unix.Unmount(at(name), unix.MNT_DETACH); err != nil {
			t.Fatal(err)
		}
	}
	return at("root")
}

// attachIdmapped attaches a clone of the mount at path, idmapped for the test containers.
func attachIdmapped(t testing.TB, path, at string) {
	t.Helper()
	tree, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tree)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(userNamespace(t).Fd())}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		t.Fatal(err)
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		t.Fatal(err)
	}
}

// userNamespace returns a user namespace with the ids of the test containers.
func userNamespace(t testing.TB) *os.File {
	t.Helper()
	cmd := exec.Command("/bin/cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: userMaps(), GidMappings: userMaps()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ns, err := os.Open("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/user")
	if err = errors.Join(err, stdin.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}
