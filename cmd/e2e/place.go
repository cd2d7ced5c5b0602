package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// The directories of sysctr, constants of the product.
const (
	StateDir = "/var/lib/sysctr"
	RunDir   = "/run/sysctr"
)

// Place makes sysctr's directories this very process's own, for tests of sysctr on this machine itself, and returns the path of the program, which is
// built anew and lies in a folder of the test's own: whatever runs it is the test's. The state lies on the disk and goes with the test. Call it in
// a mount and a network namespace of the test's own (need.NetworkNamespace); control groups remain the machine's, so names of containers must be the process's own.
func Place(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sysctr")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, "./cmd/sysctr")
	build.Dir = Source(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sysctr: %v\n%s", err, out)
	}
	state := filepath.Join(t.TempDir(), "state")
	err := errors.Join(
		// As systemd leaves a host: what is mounted and unmounted there reaches the starters' namespaces.
		unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""),
		os.Mkdir(state, 0o700), os.MkdirAll(StateDir, 0o700), os.MkdirAll(RunDir, 0o711), os.MkdirAll("/etc/sysctr", 0o755),
		unix.Mount(state, StateDir, "", unix.MS_BIND, ""),
		unix.Mount("sysctr", RunDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0711,size=25%"),
		unix.Mount("none", "/etc/sysctr", "tmpfs", 0, "mode=0755,size=64m"),
	)
	if err != nil {
		t.Fatalf("make directories of the test's own: %v", err)
	}
	Network(t)
	if out, err := exec.CommandContext(t.Context(), binary, "host", "init").CombinedOutput(); err != nil {
		t.Fatalf("sysctr host init: %v\n%s", err, out)
	}
	return binary
}

// Network makes the test's own network namespace (need.NetworkNamespace) that of a host: with a loopback, and a hosts file that sysctr may edit.
func Network(t *testing.T) {
	t.Helper()
	need.Networked(t)
	ip := need.Command(t, "ip", "install iproute2")
	if out, err := exec.CommandContext(t.Context(), ip, "link", "set", "lo", "up").CombinedOutput(); err != nil {
		t.Fatalf("bring the loopback up: %v: %s", err, out)
	}
	// A sysfs shows the interfaces of the namespace in which it was mounted, and liblxc looks for bridges there.
	groups := t.TempDir()
	err := errors.Join(
		unix.Mount("/sys/fs/cgroup", groups, "", unix.MS_BIND|unix.MS_REC, ""),
		unix.Mount("", groups, "", unix.MS_PRIVATE|unix.MS_REC, ""), // else what is unmounted here is unmounted there
		unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""),
		unix.Mount(groups, "/sys/fs/cgroup", "", unix.MS_BIND|unix.MS_REC, ""), unix.Unmount(groups, unix.MNT_DETACH),
	)
	if err != nil {
		t.Fatalf("mount a sysfs of the test's own: %v", err)
	}
	hosts := filepath.Join(t.TempDir(), "hosts")
	err = os.WriteFile(hosts, []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)
	if err = errors.Join(err, unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, "")); err != nil {
		t.Fatalf("mount a hosts file of the test's own: %v", err)
	}
}
