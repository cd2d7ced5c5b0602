package lxc_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/lxc"
)

// socketDir is short enough for a socket in it: 108 bytes is all that its address holds.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func send(t *testing.T, socket, message string, control []byte) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Sendmsg(fd, []byte(message), control, &unix.SockaddrUnix{Name: socket}, 0); err != nil {
		t.Fatal(err)
	}
}

// sendFromAnother has another process send a message, and returns when it has ended.
func sendFromAnother(t *testing.T, socket, message string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sendVariable+"="+socket+"\n"+message)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// sendVariable makes the test binary a process that sends one message: "SOCKET\nMESSAGE".
const sendVariable = "SYSCTR_TEST_SEND"

func runSend(order string) int {
	socket, message, _ := strings.Cut(order, "\n")
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(message))
	}
	if err != nil {
		return 1
	}
	return 0
}

func TestReady(t *testing.T) {
	self := os.Getpid()
	for _, test := range []struct {
		summary  string
		messages []string
		another  bool // the messages are another process's
		init     int
		want     error
	}{
		{"alone", []string{"READY=1"}, false, self, nil},
		{"among others", []string{"STATUS=boots\nREADY=1\nMAINPID=7\n"}, false, self, nil},
		{"after others", []string{"STATUS=boots", "", "X_SYSTEMD=1", "READY=1"}, false, self, nil},
		{"after garbage", []string{"\x00\xff\n\n=\n=1", strings.Repeat("x", 100000), "READY=1"}, false, self, nil},
		{"not yet", []string{"READY=0", "READY=10", "XREADY=1", "READY=1 ", "READY", "ready=1"}, false, self, context.DeadlineExceeded},
		{"beyond what is read", []string{strings.Repeat("\n", 5000) + "READY=1"}, false, self, context.DeadlineExceeded},
		{"nothing", nil, false, self, context.DeadlineExceeded},
		{"from another process", []string{"READY=1", "READY=1"}, true, self, context.DeadlineExceeded},
		{"from this process, not its init", []string{"READY=1"}, false, 1, context.DeadlineExceeded},
	} {
		t.Run(test.summary, func(t *testing.T) {
			dir := socketDir(t)
			n, err := lxc.Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			for _, m := range test.messages {
				if test.another {
					sendFromAnother(t, filepath.Join(dir, "notify"), m)
				} else {
					send(t, filepath.Join(dir, "notify"), m, nil)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			if test.want == nil {
				ctx, cancel = context.WithTimeout(context.Background(), time.Minute)
			}
			defer cancel()
			if err := n.Wait(ctx, test.init); !errors.Is(err, test.want) {
				t.Errorf("Wait: %v, want %v", err, test.want)
			}
		})
	}
}

func TestReadyCancelled(t *testing.T) {
	n, err := lxc.Listen(socketDir(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- n.Wait(ctx, os.Getpid()) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v, want that it was cancelled", err)
	}
}

// TestReadyTakesNoDescriptors: whoever sends descriptors along cannot fill the starter with them.
func TestReadyTakesNoDescriptors(t *testing.T) {
	dir := socketDir(t)
	n, err := lxc.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	open := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	send(t, filepath.Join(dir, "notify"), "x", unix.UnixRights(0, 1, 2))
	send(t, filepath.Join(dir, "notify"), "READY=1", unix.UnixRights(0, 1, 2))
	before := open()
	if err := n.Wait(context.Background(), os.Getpid()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if after := open(); after > before {
		t.Errorf("%d descriptors were open before the messages, %d after", before, after)
	}
}

func TestNotifySocket(t *testing.T) {
	dir := socketDir(t)
	file := filepath.Join(dir, "notify")
	if err := os.WriteFile(file, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := lxc.Listen(dir)
	if err != nil {
		t.Fatalf("Listen where something was left: %v", err)
	}
	if info, err := os.Lstat(file); err != nil || info.Mode() != fs.ModeSocket|0o666 {
		t.Errorf("the socket is %v, %v; want one that the container's users can write to", info.Mode(), err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := lxc.Listen(filepath.Join(dir, "gone")); err == nil {
		t.Error("a socket in a directory that is not there")
	}
	if _, err := lxc.Listen(filepath.Join(dir, strings.Repeat("x", 120))); err == nil {
		t.Error("a socket whose path is too long")
	}
}
