package systemd_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sysctr/sysctr/systemd"
)

// listen gives a notify socket and what reads one datagram from it.
func listen(t testing.TB, socket string) (receive func() string) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		buffer := make([]byte, 8192)
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

func TestReadyIsOneDatagram(t *testing.T) {
	for _, socket := range []string{filepath.Join(t.TempDir(), "s"), fmt.Sprintf("@sysctr-test-%d", os.Getpid())} {
		receive := listen(t, socket)
		if err := systemd.Ready(socket, 4711, "ready\nMAINPID=1"); err != nil {
			t.Fatal(err)
		}
		if got, want := receive(), "MAINPID=4711\nREADY=1\nSTATUS=ready MAINPID=1\n"; got != want {
			t.Errorf("%s: datagram = %q, want %q", socket, got, want)
		}
		if err := systemd.Status(socket, "mounting"); err != nil {
			t.Fatal(err)
		}
		if got, want := receive(), "STATUS=mounting\n"; got != want {
			t.Errorf("%s: datagram = %q, want %q", socket, got, want)
		}
	}
}

func TestNotifyRefuses(t *testing.T) {
	for _, pid := range []int{-1, 0, 1} {
		if err := systemd.Ready("", pid, ""); !errors.Is(err, systemd.ErrSetting) {
			t.Errorf("main process %d: %v", pid, err)
		}
	}
	for _, socket := range []string{"relative", "vsock:2:1"} {
		if err := systemd.Status(socket, "x"); !errors.Is(err, systemd.ErrSetting) {
			t.Errorf("socket %q: %v", socket, err)
		}
	}
	if err := systemd.Status("", "x"); err != nil {
		t.Errorf("nobody to tell: %v", err)
	}
	if err := systemd.Status(filepath.Join(t.TempDir(), "none"), "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no socket: %v", err)
	}
}

// Whatever the status, the datagram is exactly one assignment of bounded printable text.
func FuzzStatus(f *testing.F) {
	for _, seed := range []string{"", "ready", "a\nREADY=1", "\x00\xff", strings.Repeat("ä", 400), "\u0085MAINPID=1"} {
		f.Add(seed)
	}
	socket := fmt.Sprintf("@sysctr-fuzz-%d", os.Getpid())
	receive := listen(f, socket)
	f.Fuzz(func(t *testing.T, status string) {
		if err := systemd.Status(socket, status); err != nil {
			t.Fatal(err)
		}
		got, found := strings.CutPrefix(receive(), "STATUS=")
		line, ends := strings.CutSuffix(got, "\n")
		if !found || !ends || len(line) > 1024 || !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("datagram = %q", got)
		}
	})
}
