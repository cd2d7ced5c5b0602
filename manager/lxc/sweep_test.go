package lxc_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// TestKill ends containers in every bad state, twice; their deltas stay as they are, and they start again.
func TestKill(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	h.newStarter(t)
	for _, test := range []struct {
		summary string
		spoil   func(t *testing.T, name string, live record.Live) error
	}{
		{"running", func(*testing.T, string, record.Live) error { return nil }},
		{"frozen", func(t *testing.T, _ string, live record.Live) error { return freeze(t, h, live) }},
		{"its monitor is stopped", func(_ *testing.T, _ string, live record.Live) error { return unix.Kill(live.Monitor.PID, unix.SIGSTOP) }},
		{"frozen, its monitor is stopped", func(t *testing.T, _ string, live record.Live) error {
			return errors.Join(freeze(t, h, live), unix.Kill(live.Monitor.PID, unix.SIGSTOP))
		}},
		{"its monitor is gone", func(t *testing.T, _ string, live record.Live) error { return kill(t, live.Monitor) }},
		{"its init is gone", func(t *testing.T, _ string, live record.Live) error { return kill(t, live.Init) }},
		{"its liveness file is damaged", func(_ *testing.T, name string, _ record.Live) error {
			return os.WriteFile(filepath.Join(h.Live.Dir(name), "live.json"), []byte("{"), 0o600)
		}},
		{"its liveness file is empty", func(_ *testing.T, name string, _ record.Live) error {
			return os.WriteFile(filepath.Join(h.Live.Dir(name), "live.json"), nil, 0o600)
		}},
		{"its liveness file is another version's", func(_ *testing.T, name string, _ record.Live) error {
			return os.WriteFile(filepath.Join(h.Live.Dir(name), "live.json"), []byte(`{"format": 99}`), 0o600)
		}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			rec := h.create(t, "command")
			live := h.start(t, rec).Live
			mine := filepath.Join(h.Dirs.Delta(rec.Name), "upper", "mine")
			if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := test.spoil(t, rec.Name, live); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := h.Kill(context.Background(), rec.Name); err != nil {
					t.Fatalf("Kill: %v", err)
				}
				h.dead(t, rec.Name, live.Init, live.Monitor)
			}
			if _, err := h.Live.Load(rec.Name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("its liveness file: %v", err)
			}
			if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
				t.Errorf("its delta has %q, %v", text, err)
			}
			h.start(t, rec)
		})
	}
	if err := h.Kill(context.Background(), "never-made"); err != nil {
		t.Errorf("Kill of what never was: %v", err)
	}
	if err := h.Kill(context.Background(), "../etc"); err == nil {
		t.Error("Kill takes what is no name")
	}
}

func freeze(t *testing.T, h *host, live record.Live) error {
	t.Helper()
	tree, err := h.Layout.Tree(live.Cgroup)
	if err != nil {
		return err
	}
	return tree.Freeze(context.Background())
}

// kill ends one process and waits for it.
func kill(t *testing.T, p alive.Process) error {
	t.Helper()
	handle, err := p.Open()
	if err != nil {
		return err
	}
	defer handle.Close()
	return errors.Join(handle.Signal(unix.SIGKILL), handle.Wait(context.Background()))
}

// TestSweep takes away what is dead and nothing else.
func TestSweep(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	live := h.start(t, rec).Live
	if err := h.Sweep(context.Background(), rec.Name); !errors.Is(err, lxc.ErrRunning) {
		t.Errorf("Sweep of what runs: %v, want ErrRunning", err)
	}
	if stored, err := h.Live.Load(rec.Name); err != nil || stored.Init != live.Init || !live.Init.Alive() || !live.Monitor.Alive() {
		t.Errorf("a refused sweep has changed %+v, %v", stored, err)
	}
	if err := kill(t, live.Monitor); err != nil {
		t.Fatal(err)
	}
	if err := kill(t, live.Init); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Sweep(context.Background(), rec.Name); err != nil {
			t.Errorf("Sweep: %v", err)
		}
		h.dead(t, rec.Name)
	}
	again := h.start(t, rec).Live
	left := filepath.Join(h.Dirs.Root(rec.Name), "of-somebody-else")
	if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o711), os.WriteFile(left, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := h.Kill(context.Background(), rec.Name); err == nil {
		t.Error("a mount point with files in it is removed without a word")
	}
	if _, err := os.Lstat(left); err != nil {
		t.Errorf("what lay at a mount point is removed: %v", err)
	}
	if again.Init.Alive() {
		t.Error("an error about files has kept the container alive")
	}
	if err := os.Remove(left); err != nil {
		t.Fatal(err)
	}
	if err := h.Kill(context.Background(), rec.Name); err != nil {
		t.Errorf("Kill once it can be removed: %v", err)
	}
	h.dead(t, rec.Name)
}

// TestKillAgain: a kill that did not come to its end has left what tells the next one where to go on.
func TestKillAgain(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	live := h.start(t, rec).Live
	impatient, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Kill(impatient, rec.Name); err == nil && (live.Init.Alive() || live.Monitor.Alive()) {
		t.Error("Kill has not waited, and says that it is done")
	}
	if err := h.Kill(context.Background(), rec.Name); err != nil {
		t.Errorf("Kill again: %v", err)
	}
	h.dead(t, rec.Name, live.Init, live.Monitor)
}

// TestStartSweeps: a start takes away what the last one left, whatever that is.
func TestStartSweeps(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	for range 5 { // at once, again and again
		live := h.start(t, rec).Live
		if err := kill(t, live.Init); err != nil {
			t.Fatal(err)
		}
	}
	live := h.start(t, rec).Live
	if err := h.Live.Remove(rec.Name); err != nil { // nobody knows of it any more
		t.Fatal(err)
	}
	again := h.start(t, rec).Live
	if live.Init.Alive() || live.Monitor.Alive() || !again.Init.Alive() {
		t.Error("two of one container run")
	}
}
