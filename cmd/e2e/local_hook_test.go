package e2e_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalHook: where systemd is not PID 1, the script and hook poke start a refresh that answers their mark, and that nobody has to wait for.
func TestLocalHook(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	if _, err := os.Lstat("/run/systemd/system"); err == nil {
		need.Missing(t, "needs a machine on which systemd is not PID 1")
	}
	l := newLocal(t)
	if err := os.WriteFile("/etc/sysctr/config.yaml", []byte("patch:\n  settle: 0s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(e2e.Source(t), "hooks/pkg-hook"))
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "pkg-hook")
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(string(text), "@BINARY@", l.binary)), 0o755); err != nil {
		t.Fatal(err)
	}
	pokes := map[string]func(){
		"script": func() {
			if out, err := exec.Command(script, "apt").CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("the script: %v, printed %q", err, out)
			}
		},
		"poke": func() { l.must(t, "hook", "poke", "--source", "e2e") },
		"many at once": func() {
			if out, err := exec.Command("sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do "+script+" apt & done; wait").CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("ten scripts: %v, printed %q", err, out)
			}
		},
	}
	for name, poke := range pokes {
		t.Run(name, func(t *testing.T) {
			poke()
			l.answered(t)
		})
	}
	t.Run("a refresh that is killed", func(t *testing.T) {
		if err := os.WriteFile("/etc/sysctr/config.yaml", []byte("patch:\n  settle: 1h\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r := l.begin(t, "patch", "refresh")
		l.soon(t, "it is at work", func() bool { return locked(t, "/run/sysctr/host/refresh.lock") })
		if second := l.run(t, "patch", "refresh", "--settle", "1h"); second.Code != 0 || !strings.Contains(second.Stderr, "another refresh is at work") {
			t.Errorf("beside another: %+v", second)
		}
		if err := r.Process.Signal(unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		r.end()
		l.must(t, "patch", "refresh", "--settle", "0s")
		l.answered(t)
	})
}

// answered waits until no mark is left and nobody refreshes.
func (l *local) answered(t *testing.T) {
	t.Helper()
	l.soon(t, "the mark is answered", func() bool {
		_, err := os.Lstat("/run/sysctr/host/pending")
		return errors.Is(err, fs.ErrNotExist)
	})
	l.must(t, "patch", "refresh", "--wait", "--settle", "0s")
}

// soon asks ten times a second until want says yes.
func (l *local) soon(t *testing.T, what string, want func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !want() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within %v: %s", patience, what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// locked says whether another process holds the lock.
func locked(t *testing.T, path string) bool {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		t.Fatal(err)
	}
	return lock.Type != unix.F_UNLCK
}
