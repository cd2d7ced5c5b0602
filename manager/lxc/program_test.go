package lxc_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
)

// TestProgram: one copy of the program serves all that enter, whatever becomes of the file, and nobody can write to it.
func TestProgram(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	h.start(t, rec)
	self, env := h.self(t)
	file := filepath.Join(h.Dirs.State, "program")
	if err := os.Link(self, file); err != nil {
		t.Fatal(err)
	}
	p := lxc.NewProgram("sysctr", file).WithEnv(env...)
	defer p.Close()
	enter := func() (string, int) {
		var out bytes.Buffer
		status, err := p.Exec(context.Background(), lxc.Attach{Name: rec.Name, Argv: []string{"echo", "inside"}}, lxc.Streams{Out: &out, Err: &out})
		if err != nil {
			t.Error(err)
		}
		return out.String(), status
	}
	for range 3 {
		if out, status := enter(); out != "inside\n" || status != 0 {
			t.Errorf("it printed %q, status %d", out, status)
		}
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if _, status := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"sh", "-c", `printf '#!/proc/self/exe\n' >/opt/thief && chmod +x /opt/thief`}}); status != 0 {
		t.Fatal("no script was made")
	}
	var out bytes.Buffer
	status, err := p.Exec(context.Background(), lxc.Attach{Name: rec.Name, Argv: []string{"/opt/thief"}}, lxc.Streams{Out: &out, Err: &out})
	if err != nil || status != 126 && status != 127 && status != 255 {
		t.Errorf("a command that executes what entered: status %d, %v: %s", status, err, &out)
	}
	copied := p.Copy()
	if info, err := copied.Stat(); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("the copy has %v, %v: others may open it", info.Mode(), err)
	}
	if _, err := copied.WriteAt([]byte{0}, 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("write into the copy: %v, want EPERM", err)
	}
	if err := copied.Truncate(0); !errors.Is(err, unix.EPERM) {
		t.Errorf("truncate the copy: %v, want EPERM", err)
	}
}
