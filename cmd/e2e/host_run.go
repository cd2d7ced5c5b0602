package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// path is the PATH of commands in a test host: that of a root shell of Debian.
const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Result is what a command in a test host left.
type Result struct {
	Stdout, Stderr string
	// Code is the exit status; a command that was not found has 127, one that a signal ended 128 and the signal's number.
	Code int
}

// Run runs argv in the host as root, in /, with an environment of PATH, HOME and LANG alone, without a terminal and with an empty standard input.
// A command that fails is a Result; one that outlives the host's Timeout ends the test.
func (h *Host) Run(t testing.TB, argv ...string) Result {
	t.Helper()
	return h.RunInput(t, "", argv...)
}

// RunInput is Run with input on the command's standard input.
func (h *Host) RunInput(t testing.TB, input string, argv ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), h.timeout)
	defer cancel()
	cmd := h.attach(ctx, argv...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("%s: %q: not ended after %v\nstdout: %s\nstderr: %s", h.name, argv, h.timeout, tail(stdout.Bytes()), tail(stderr.Bytes()))
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("%s: %q: %v", h.name, argv, err)
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// Must is Run for a command that has to succeed. It returns standard output without the last newline.
func (h *Host) Must(t testing.TB, argv ...string) string {
	t.Helper()
	r := h.Run(t, argv...)
	if r.Code != 0 {
		t.Fatalf("%s: %q: exit status %d\nstdout: %s\nstderr: %s", h.name, argv, r.Code, tail([]byte(r.Stdout)), tail([]byte(r.Stderr)))
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// Sh is Must for a shell script, which ends at the first command that fails.
func (h *Host) Sh(t testing.TB, script string) string {
	t.Helper()
	return h.Must(t, "bash", "-euc", script)
}

// Until runs argv ten times a second until want says yes, and returns that result. It ends the test after within, with the last result.
func (h *Host) Until(t testing.TB, within time.Duration, want func(Result) bool, argv ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		r := h.Run(t, argv...)
		if want(r) {
			return r
		}
		if ctx.Err() != nil {
			t.Fatalf("%s: %q: not as wanted after %v; at last exit status %d\nstdout: %s\nstderr: %s", h.name, argv, within, r.Code, r.Stdout, r.Stderr)
		}
		pause(ctx)
	}
}

// Write makes or replaces the regular file path of the host, with the parents it needs. It goes around the host, by its root directory, so it must
// not be used below a directory in which a container of the host could have planted a symbolic link.
func (h *Host) Write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	to := filepath.Join(h.Root(), path)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatalf("write to %s: %v", h.name, err)
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("write to %s: %v", h.name, err)
	}
	if err := os.WriteFile(to, []byte(text), mode); err != nil {
		t.Fatalf("write to %s: %v", h.name, err)
	}
	if err := os.Chmod(to, mode); err != nil { // past the umask
		t.Fatalf("write to %s: %v", h.name, err)
	}
}

// Copy copies the file or directory src of this machine to dst in the host, as cp -a does: into dst if that is a directory.
func (h *Host) Copy(t testing.TB, src, dst string) {
	t.Helper()
	to := filepath.Join(h.Root(), dst)
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", "--", src, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s to %s: %v: %s", src, h.name, err, out)
	}
}

// Install builds this source tree and puts it into the running host by `make install`. Installing twice is an upgrade.
func (h *Host) Install(t testing.TB) {
	t.Helper()
	install(t, h.Root())
	h.Must(t, "systemctl", "daemon-reload")
}

// install runs `make install DESTDIR=root`. One at a time: all of them build the same bin/sysctr.
func install(t testing.TB, root string) {
	t.Helper()
	defer lockFile(t, filepath.Join(cacheDir(t), "install.lock")).Close()
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "-C", Source(t), "install", "DESTDIR="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v: %s", err, tail(out))
	}
}

// attach prepares a command in the host.
func (h *Host) attach(ctx context.Context, argv ...string) *exec.Cmd {
	args := []string{"--clear-env", "--set-var", "PATH=" + path, "--set-var", "HOME=/root", "--set-var", "LANG=C.UTF-8", "--"}
	return h.lxc(ctx, "lxc-attach", append(args, argv...)...)
}
