package e2e

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// Options say how a [Host] differs from the usual one; the zero value is the usual one.
type Options struct {
	// CgroupV2 gives the host a pure cgroup v2 layout. On a machine that has only cgroup v2 every host has it; on a hybrid machine such a host has
	// no controllers, so limits cannot be tried in it.
	CgroupV2 bool
	// Builder gives the host what `make up` installs, since it has no network: a C compiler, make, git, liblxc's headers. Go is not there.
	Builder bool
	// Timeout bounds every command run in the host; 2 minutes if zero.
	Timeout time.Duration
}

// Host is a Debian 12 with systemd as PID 1 inside LXC. It has no network, an empty package cache, lxc and uidmap installed, and the machine's
// kernel. Its methods end the test on failure; they may be called by the goroutine of the test and of its subtests only.
type Host struct {
	name    string
	dir     string // holds root, the LXC path and the lock that says a process owns them
	timeout time.Duration
	layout  string // the LXC lines that mount the cgroups
}

const (
	bootTime = time.Minute
	stopTime = 30 * time.Second
)

// Boot copies the cached root, boots it and returns when systemd says running or degraded. The end of the test removes the host.
func Boot(t testing.TB, o Options) *Host {
	t.Helper()
	need.Root(t)
	need.Command(t, "lxc-start", "run make test-hosts")
	kind := "host"
	if o.Builder {
		kind = "builder"
	}
	base := cached(t, kind)
	raiseInotify(t)

	h := claim(t)
	h.timeout = o.Timeout
	if h.timeout == 0 {
		h.timeout = 2 * time.Minute
	}
	h.layout = cgroupLayout(o.CgroupV2)
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", "--reflink=auto", base, h.Root()).CombinedOutput(); err != nil {
		t.Fatalf("copy the cached root: %v: %s", err, out)
	}
	h.configure(t)
	h.start(t)
	return h
}

// Name returns the host's name, which is also its hostname. It is unique on the machine.
func (h *Host) Name() string { return h.name }

// Root returns the host's root directory on this machine. While the host runs, reading and writing files there is seen by both sides.
func (h *Host) Root() string { return filepath.Join(h.dir, "root") }

// Reboot shuts the host down in order, as systemctl poweroff does, and boots it again from the same root.
func (h *Host) Reboot(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stopTime+10*time.Second)
	defer cancel()
	cmd := h.lxc(ctx, "lxc-stop", "--timeout", strconv.Itoa(int(stopTime.Seconds())))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("shut %s down: %v: %s", h.name, err, out)
	}
	h.clear(t)
	h.start(t)
}

// Crash kills every process of the host at once, as a lost power supply does (what was written is not lost), and boots it again.
func (h *Host) Crash(t testing.TB) {
	t.Helper()
	h.clear(t)
	h.start(t)
}

// configure writes the LXC configuration and what makes this copy a host of its own.
func (h *Host) configure(t testing.TB) {
	t.Helper()
	id := make([]byte, 16)
	_, _ = rand.Read(id)                           // never fails: crypto/rand says so
	if err := os.Chmod(h.dir, 0o711); err != nil { // the host's own users must reach their root
		t.Fatalf("open the host's folder: %v", err)
	}
	h.Write(t, "/etc/machine-id", hex.EncodeToString(id)+"\n", 0o444)
	h.Write(t, "/etc/hostname", h.name+"\n", 0o644)
	h.Write(t, "/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 "+h.name+"\n", 0o644)
	config := filepath.Join(h.dir, h.name, "config")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatalf("make the LXC folder: %v", err)
	}
	if err := os.WriteFile(config, []byte(h.lxcConfig()), 0o600); err != nil {
		t.Fatalf("write the LXC configuration: %v", err)
	}
}

// lxcConfig renders the configuration. It includes nothing of the distribution's, drops no capability and filters no system call: the host is
// to be as near to a real one as a container can be. The two mounts in dev/.lxc let its own containers mount proc and sysfs in user namespaces
// (the kernel wants a fully visible one of each, and LXC covers a file of /proc).
func (h *Host) lxcConfig() string {
	return strings.NewReplacer("NAME", h.name, "DIR", h.dir).Replace(`lxc.uts.name = NAME
lxc.rootfs.path = dir:DIR/root
lxc.apparmor.profile = unconfined
lxc.mount.auto = proc:rw sys:rw
` + h.layout + `
lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0
lxc.mount.entry = sys dev/.lxc/sys sysfs create=dir,optional 0 0
lxc.mount.entry = /dev/fuse dev/fuse none bind,create=file,optional 0 0
lxc.mount.entry = /dev/loop-control dev/loop-control none bind,create=file,optional 0 0
lxc.cgroup.dir.container = NAME/payload
lxc.cgroup.dir.monitor = NAME/monitor
lxc.cgroup.dir.monitor.pivot = NAME/pivot
lxc.net.0.type = empty
lxc.pty.max = 1024
lxc.tty.max = 0
lxc.console.logfile = DIR/console
lxc.signal.halt = SIGRTMIN+3
lxc.init.cmd = /sbin/init
`)
}

// cgroupLayout returns the lines that give a host the machine's own layout, or cgroup v2 alone.
func cgroupLayout(v2 bool) string {
	_, err := os.Stat("/sys/fs/cgroup/cgroup.controllers")
	if v2 && errors.Is(err, fs.ErrNotExist) {
		return "lxc.mount.entry = cgroup2 sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec 0 0"
	}
	return "lxc.mount.auto = cgroup:rw:force"
}

// start boots the host and waits until systemd has started all it wants to.
func (h *Host) start(t testing.TB) {
	t.Helper()
	log := filepath.Join(h.dir, "lxc.log")
	// The monitor inherits the command's output: it must be no pipe, or waiting for its end is waiting for the monitor's.
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	if err := h.lxc(ctx, "lxc-start", "--daemon", "--logfile", log, "--logpriority", "INFO").Run(); err != nil {
		text, _ := os.ReadFile(log)
		t.Fatalf("boot %s: %v: %s", h.name, err, tail(text))
	}
	for state := ""; state != "running" && state != "degraded"; {
		if ctx.Err() != nil {
			text, _ := os.ReadFile(filepath.Join(h.dir, "console"))
			t.Fatalf("boot %s: systemd says %q after %v; its console: %s", h.name, state, bootTime, tail(text))
		}
		pause(ctx)
		out, _ := h.attach(ctx, "systemctl", "is-system-running").Output() // no answer yet is one more round
		state = strings.TrimSpace(string(out))
	}
}

// lxc prepares an LXC program on this host.
func (h *Host) lxc(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, append([]string{"--lxcpath", h.dir, "--name", h.name}, args...)...)
	cmd.WaitDelay = time.Second
	return cmd
}

// pause ends after a tenth of a second, the rhythm in which this package asks again, or with ctx.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// raiseInotify lets more than three systemds live on the machine: each takes some forty instances, of 128. It stays raised: another test process
// may have begun to count on it.
func raiseInotify(t testing.TB) {
	t.Helper()
	const path, want = "/proc/sys/fs/inotify/max_user_instances", 8192
	text, err := os.ReadFile(path)
	var have int
	if err == nil {
		_, err = fmt.Sscan(string(text), &have)
	}
	if err == nil && have < want {
		err = os.WriteFile(path, []byte(strconv.Itoa(want)), 0o644)
	}
	if err != nil {
		t.Fatalf("raise fs.inotify.max_user_instances to %d: %v", want, err)
	}
}
