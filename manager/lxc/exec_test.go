package lxc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
)

func pid(p alive.Process) string { return strconv.Itoa(p.PID) }

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// exec runs a command in a container and returns what it printed on both streams, and its status.
func (h *host) exec(t *testing.T, a lxc.Attach) (string, int) {
	t.Helper()
	var out bytes.Buffer
	status, err := h.program(t).Exec(context.Background(), a, lxc.Streams{Out: &out, Err: &out})
	if err != nil {
		t.Fatalf("Exec %q: %v", a.Argv, err)
	}
	return out.String(), status
}

func TestExec(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	live := h.start(t, rec).Live
	secret, err := os.Open("/etc/shadow") // a descriptor of the host's that must not be inside
	if err != nil {
		t.Fatal(err)
	}
	defer secret.Close()
	if _, err := unix.FcntlInt(secret.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "of the operator's")
	defer unix.Umask(unix.Umask(0o077))
	for _, test := range []struct {
		summary string
		attach  lxc.Attach
		out     string
		status  int
	}{
		{"status 0", lxc.Attach{Argv: []string{"true"}}, "", 0},
		{"status 7", lxc.Attach{Argv: []string{"sh", "-c", "exit 7"}}, "", 7},
		{"killed", lxc.Attach{Argv: []string{"sh", "-c", "kill -TERM $$"}}, "", 128 + 15},
		{"root inside", lxc.Attach{Argv: []string{"id", "-u"}}, "0\n", 0},
		{"both streams", lxc.Attach{Argv: []string{"sh", "-c", "echo out; echo err >&2"}}, "out\nerr\n", 0},
		{"arguments as they are", lxc.Attach{Argv: []string{"printf", "%s|", "a b", "$HOME", "'", ""}}, "a b|$HOME|'||", 0},
		{"environment", lxc.Attach{Argv: []string{"env"}, Env: []string{"A=b c", "E="}},
			"A=b c\nE=\nHOME=/root\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\ncontainer=lxc\n", 0},
		{"directory", lxc.Attach{Argv: []string{"pwd"}}, "/\n", 0},
		{"root directory", lxc.Attach{Argv: []string{"pwd"}}, "/\n", 0},
		{"no descriptor of the host's", lxc.Attach{Argv: []string{"sh", "-c", "ls /proc/$$/fd"}}, "0\n1\n2\n", 0},
		{"umask", lxc.Attach{Argv: []string{"sh", "-c", "umask"}}, "0022\n", 0},
		{"standard input at its end", lxc.Attach{Argv: []string{"cat"}}, "", 0},
	} {
		t.Run(test.summary, func(t *testing.T) {
			test.attach.Name = rec.Name
			out, status := h.exec(t, test.attach)
			if test.summary == "environment" {
				lines := strings.SplitAfter(out, "\n")
				slices.Sort(lines)
				out = strings.Join(lines, "")
			}
			if out != test.out || status != test.status {
				t.Errorf("it printed %q, status %d; want %q, %d", out, status, test.out, test.status)
			}
		})
	}
	t.Run("standard input", func(t *testing.T) {
		var out bytes.Buffer
		status, err := h.program(t).Exec(context.Background(), lxc.Attach{Name: rec.Name, Argv: []string{"cat"}},
			lxc.Streams{In: strings.NewReader(strings.Repeat("line\n", 50000)), Out: &out, Err: &out})
		if err != nil || status != 0 || out.Len() != 250000 {
			t.Errorf("cat: %d bytes, status %d, %v", out.Len(), status, err)
		}
	})
	t.Run("no such program", func(t *testing.T) {
		if out, status := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"/no/such/program"}}); status == 0 {
			t.Errorf("it printed %q, status 0", out)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		_, err := h.program(t).Exec(ctx, lxc.Attach{Name: rec.Name, Argv: []string{"sh", "-c", "echo runs; exec sleep 1000"}},
			lxc.Streams{Out: writerFunc(cancel), Err: writerFunc(func() {})})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Exec: %v, want that it was cancelled", err)
		}
	})
	t.Run("sealed program", func(t *testing.T) { sealed(t, h, rec.Name) })
	t.Run("identity", func(t *testing.T) { confined(t, h, rec.Name, live.Init) })
	if err := h.Kill(context.Background(), rec.Name); err != nil {
		t.Fatal(err)
	}
	if out, status := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"true"}}); status != 125 || !strings.Contains(out, "not running") {
		t.Errorf("in a stopped container: %q, status %d", out, status)
	}
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

// confined: a command that enters is no less confined than the container's init.
func confined(t *testing.T, h *host, name string, init alive.Process) {
	t.Helper()
	text, err := os.ReadFile("/proc/" + pid(init) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	inside, _ := h.exec(t, lxc.Attach{Name: name, Argv: []string{"cat", "/proc/self/status"}})
	for _, key := range []string{"CapBnd", "CapEff", "CapPrm", "Seccomp", "NoNewPrivs", "Uid", "Gid", "Groups"} {
		want, got := field(string(text), key), field(inside, key)
		if key == "Uid" || key == "Gid" {
			want = "0 0 0 0" // as it sees itself
		}
		if got != want {
			t.Errorf("%s of a command inside is %q, of the container's init %q", key, got, want)
		}
	}
	if out, _ := h.exec(t, lxc.Attach{Name: name, Argv: []string{"readlink", "/proc/1/exe"}}); !strings.HasPrefix(out, "/usr/sbin/init.lxc") {
		t.Errorf("the container's init executes %q, not a program of its own", out) // and has the memory of what it was forked from
	}
	for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		want, err := os.Readlink("/proc/" + pid(init) + "/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := h.exec(t, lxc.Attach{Name: name, Argv: []string{"readlink", "/proc/self/ns/" + ns}}); out != want+"\n" {
			t.Errorf("the %s namespace of a command inside is %q, of the container's init %q", ns, out, want)
		}
	}
}

func field(status, key string) string {
	for _, line := range strings.Split(status, "\n") {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return "missing"
}

// TestExecGivesUp: a stopped monitor hangs liblxc for ever; the deadline ends that.
func TestExecGivesUp(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	live := h.start(t, rec).Live
	if err := unix.Kill(live.Monitor.PID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	run := h.program(t).ExecWithin(200 * time.Millisecond)
	_, err := run(context.Background(), lxc.Attach{Name: rec.Name, Argv: []string{"true"}},
		lxc.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	if !errors.Is(err, lxc.ErrStuck) {
		t.Errorf("Exec beside a stopped monitor: %v, want ErrStuck", err)
	}
	if err := h.Kill(context.Background(), rec.Name); err != nil {
		t.Errorf("Kill with a stopped monitor: %v", err)
	}
	h.dead(t, rec.Name, live.Init, live.Monitor)
}

// families are the socket families that no container gets, by their numbers in include/linux/socket.h.
func families() []int {
	return []int{3, 4, 5, 6, 9, 11, 15, 21, 24, 26, 29, 30, 31, 33, 38, 39, 40, 41, 42, 43, 44, 45}
}

// TestPolicy runs a program inside that tries what the system call policy denies, and what it must not deny.
func TestPolicy(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	const python = "/usr/bin/python3"
	if _, err := os.Stat(python); err != nil {
		need.Missing(t, "needs "+python+": install python3")
	}
	h := newHost(t)
	rec := h.create(t, "command")
	h.start(t, rec)
	const program = `
import ctypes, errno, fcntl, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def say(what, call):
    try:
        call(); print(what, "works")
    except OSError as e:
        print(what, errno.errorcode.get(e.errno, e.errno))
def syscall(*args):
    if libc.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), "")
for family in map(int, sys.argv[1].split(",")):
    for kind in (1, 2, 3, 5):
        say("family %d" % family, lambda: socket.socket(family, kind))
say("xfrm", lambda: socket.socket(16, 3, 6))
say("unix", lambda: socket.socket(1, 1))
say("inet", lambda: socket.socket(2, 1))
say("inet6", lambda: socket.socket(10, 2))
say("route", lambda: socket.socket(16, 3, 0))
say("uevent", lambda: socket.socket(16, 3, 15))
master, slave = os.openpty()
say("tiocsti", lambda: fcntl.ioctl(slave, 0x5412, b"x"))
say("tioclinux", lambda: fcntl.ioctl(slave, 0x541C, b"x"))
say("tiocsti high", lambda: syscall(16, slave, ctypes.c_ulong(0x100005412), b"x"))
say("tcgets", lambda: fcntl.ioctl(slave, 0x5401, b"x" * 64))
say("bpf", lambda: syscall(321, 0, 0, 0))
say("io_uring", lambda: syscall(425, 1, 0))
say("userfaultfd", lambda: syscall(323, 1))
say("perf", lambda: syscall(298, 0, 0, -1, -1, 0))
say("keyctl", lambda: syscall(250, 0, -3, 0))
say("handle", lambda: syscall(304, -100, 0, 0))
say("getpid", lambda: syscall(39))
`
	var list []string
	for _, f := range families() {
		list = append(list, strconv.Itoa(f))
	}
	out, status := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{python, "-c", program, strings.Join(list, ",")}})
	if status != 0 {
		t.Fatalf("status %d: %s", status, out)
	}
	want := map[string]string{
		"xfrm": "EAFNOSUPPORT", "unix": "works", "inet": "works", "inet6": "works", "route": "works", "uevent": "works",
		"tiocsti": "EPERM", "tioclinux": "EPERM", "tiocsti high": "EPERM", "tcgets": "works", "bpf": "EPERM", "io_uring": "EPERM",
		"userfaultfd": "EPERM", "perf": "EPERM", "keyctl": "ENOSYS", "handle": "EPERM", "getpid": "works",
	}
	for _, f := range families() {
		want[fmt.Sprintf("family %d", f)] = "EAFNOSUPPORT"
	}
	seen := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		i := strings.LastIndexByte(line, ' ')
		what, answer := line[:i], line[i+1:]
		seen[what] = true
		if want[what] != answer {
			t.Errorf("%s: %s, want %s", what, answer, want[what])
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d of %d were tried: %s", len(seen), len(want), out)
	}
}

// TestPolicyFamilies holds the list of this test against the policy's own.
func TestPolicyFamilies(t *testing.T) {
	for _, f := range families() {
		if line := fmt.Sprintf("socket errno 97 [0,%d,SCMP_CMP_EQ]\n", f); !strings.Contains(string(lxc.Policy()), line) {
			t.Errorf("the policy lets the socket family %d pass", f)
		}
	}
	if n := strings.Count(string(lxc.Policy()), "socket errno 97 [0,"); n != len(families())+1 {
		t.Errorf("the policy denies %d families, and %d of them are tested", n, len(families())+1)
	}
}
