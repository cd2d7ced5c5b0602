package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalTerminal sits down at a terminal.
func TestLocalTerminal(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Command(t, "python3", "install the package python3")
	l := newLocal(t)
	l.must(t, "create", l.name("tty"), "--start")
	t.Run("shell", func(t *testing.T) {
		s := l.sit(t, "shell", l.name("tty"))
		s.enter("tty; stty size; echo user=$(id -u) home=$HOME; echo to-tty >/dev/tty\n")
		s.sees("/dev/pts/", "33 111", "user=0 home=/root", "\nto-tty")
		s.resize(44, 99)
		s.until(`stty size`, "44 99")
		s.enter("exit 7\n")
		if code := s.end(); code != 7 {
			t.Errorf("exit 7 in the shell ends with %d", code)
		}
	})
	t.Run("interrupt reaches the command inside", func(t *testing.T) {
		s := l.sit(t, "exec", "--tty", l.name("tty"), "--", "sh", "-c", `trap 'echo caught; exit 5' INT; echo waiting; while :; do sleep 0.1; done`)
		s.sees("waiting")
		s.enter("\x03")
		s.sees("caught")
		if code := s.end(); code != 5 {
			t.Errorf("ended with %d, want 5", code)
		}
	})
	t.Run("size from the first moment on", func(t *testing.T) {
		for range 5 {
			s := l.sit(t, "exec", "--tty", l.name("tty"), "--", "stty", "size")
			if code := s.end(); code != 0 || s.text() != "33 111\r\n" {
				t.Errorf("stty size: status %d: %q", code, s.text())
			}
		}
	})
	t.Run("a command that is killed", func(t *testing.T) {
		s := l.sit(t, "exec", "--tty", l.name("tty"), "--", "sh", "-c", "kill -9 $$")
		if code := s.end(); code != 137 {
			t.Errorf("ended with %d, want 137", code)
		}
	})
	t.Run("no input can be pushed", func(t *testing.T) {
		const push = `import fcntl, termios, sys
for request in (termios.TIOCSTI, 0x541C):
    try:
        fcntl.ioctl(0, request, b"x")
        print("pushed")
    except OSError as e:
        print("errno=%d" % e.errno)`
		s := l.sit(t, "exec", "--tty", l.name("tty"), "--", "python3", "-c", push)
		code := s.end()
		if got := s.text(); code != 0 || strings.Count(got, "errno="+strconv.Itoa(int(unix.EPERM))) != 2 || strings.Contains(got, "pushed") {
			t.Errorf("TIOCSTI and TIOCLINUX: status %d:\n%s", code, got)
		}
	})
	t.Run("without a terminal", func(t *testing.T) {
		r := l.run(t, "exec", "--tty", l.name("tty"), "--", "true")
		if r.Code != 125 || !strings.Contains(r.Stderr, "terminal") {
			t.Errorf("exec --tty without one: %+v", r)
		}
		if got := l.sh(t, "tty", "tty || true"); got != "not a tty" {
			t.Errorf("exec without --tty: tty says %q", got)
		}
	})
}

// sitting is somebody at a terminal in which sysctr runs.
type sitting struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	read   chan struct{}

	mu     sync.Mutex
	screen bytes.Buffer
	before *unix.Termios
}

// sit runs sysctr on a terminal of 33 lines and 111 columns.
func (l *local) sit(t *testing.T, args ...string) *sitting {
	t.Helper()
	master, slave := pty(t)
	s := &sitting{t: t, cmd: l.command(t, args...), master: master, read: make(chan struct{})}
	s.resize(33, 111)
	s.before = s.mode()
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(s.cmd.Start(), slave.Close()); err != nil {
		t.Fatalf("sysctr %q: %v", args, err)
	}
	go func() {
		defer close(s.read)
		chunk := make([]byte, 4096)
		for {
			n, err := master.Read(chunk)
			s.mu.Lock()
			s.screen.Write(chunk[:n])
			s.mu.Unlock()
			if err != nil { // EIO: nobody holds the other end any more
				return
			}
		}
	}()
	return s
}

// pty makes a terminal, see pts(4).
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}

func (s *sitting) resize(rows, columns uint16) {
	s.t.Helper()
	if err := unix.IoctlSetWinsize(int(s.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sitting) mode() *unix.Termios {
	s.t.Helper()
	mode, err := unix.IoctlGetTermios(int(s.master.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	return mode
}

func (s *sitting) enter(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sitting) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// sees waits until all the words have been on the screen.
func (s *sitting) sees(words ...string) {
	s.t.Helper()
	for _, word := range words {
		for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.text(), word); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				s.t.Fatalf("waited for %q; the screen shows\n%s", word, s.text())
			}
		}
	}
}

// until types a command again and again until the word is on the screen: when a signal arrives is nobody's promise.
func (s *sitting) until(command, word string) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.text(), word); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited for %q after %q; the screen shows\n%s", word, command, s.text())
		}
		s.enter(command + "\n")
	}
}

// end waits for sysctr's end and returns its exit status; the terminal must be as it was.
func (s *sitting) end() int {
	s.t.Helper()
	_ = s.cmd.Wait() // the status says it
	if after := s.mode(); *after != *s.before {
		s.t.Errorf("the terminal is left in another mode: %+v, was %+v", after, s.before)
	}
	<-s.read
	return s.cmd.ProcessState.ExitCode()
}
