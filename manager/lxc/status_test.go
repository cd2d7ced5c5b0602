package lxc_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
)

// TestStatus has commands end in every way: the monitor leaves their status where only the host reads it, and runs what starts a failed one again.
func TestStatus(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	asked := filepath.Join(h.Dirs.State, "asked")
	binary := filepath.Join(h.Dirs.State, "sysctr")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\necho \"$@\" >>"+asked+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.newStarterOf(t, binary)
	gate := filepath.Join(filepath.Dir(h.Dirs.State), "gate")
	if err := os.Mkdir(gate, 0o755); err != nil {
		t.Fatal(err)
	}
	const wait = "until [ -e /mnt/go ]; do sleep 0.05; done; "
	for _, test := range []struct {
		summary, command, restart string
		end                       func(init alive.Process) error // else a file in the delta tells it to go
		status                    int
		known, again              bool
	}{
		{"done", "exit 0", "on-failure", nil, 0, true, false},
		{"failed", "exit 3", "on-failure", nil, 3, true, true},
		{"killed", "kill -9 $$", "on-failure", nil, 137, true, true},
		{"failed, and stays so", "exit 255", "never", nil, 255, true, false},
		{"failed, always", "exit 4", "always", nil, 4, true, true},
		{"init killed", "sleep 1000", "on-failure", func(init alive.Process) error { return kill(t, init) }, 0, false, false},
		{"stopped", "exec sleep 1000", "on-failure", func(init alive.Process) error { return unix.Kill(init.PID, unix.SIGTERM) }, 143, true, true},
	} {
		t.Run(test.summary, func(t *testing.T) {
			_, _ = os.Remove(asked), os.Remove(filepath.Join(gate, "go")) // of the last case
			command := wait + test.command
			if test.end != nil {
				command = test.command
			}
			rec := h.create(t, "command", "command=[/bin/sh, -c, '"+command+"']", "restart="+test.restart,
				"mounts=[{source: "+gate+", target: /mnt}]")
			live := h.start(t, rec).Live
			if status, ok := h.Status(rec.Name); ok {
				t.Errorf("it runs and has ended with %d", status)
			}
			handle, err := live.Monitor.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer handle.Close()
			if test.end != nil {
				err = test.end(live.Init)
			} else {
				err = os.WriteFile(filepath.Join(gate, "go"), nil, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := handle.Wait(context.Background()); err != nil {
				t.Fatal(err)
			}
			if status, ok := h.Status(rec.Name); status != test.status || ok != test.known {
				t.Errorf("it has ended with %d, %v; want %d, %v", status, ok, test.status, test.known)
			}
			want := ""
			if test.again {
				want = "_again " + rec.Name + "\n"
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // it does not wait for what it runs
				text, _ := os.ReadFile(asked)
				got := string(text)
				if got == want {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the monitor ran %q, want %q", got, want)
				}
			}
		})
	}
}
