package alive_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

func TestHandle(t *testing.T) {
	cmd, p := start(t, "sleep", "1000")
	handle, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	if handle.Process() != p {
		t.Errorf("Process = %+v, want %+v", handle.Process(), p)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := handle.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait for a process that runs = %v, want the deadline", err)
	}
	if err := handle.Signal(37); err != nil { // SIGRTMIN+3 ends a process that does not handle it
		t.Fatal(err)
	}
	if err := handle.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(interface{ Signal() unix.Signal }).Signal(); status != 37 {
		t.Errorf("it ended by signal %d, want 37", status)
	}
	if err := handle.Wait(t.Context()); err != nil {
		t.Errorf("Wait after it was reaped = %v", err)
	}
	if err := handle.Signal(unix.SIGTERM); !errors.Is(err, alive.ErrGone) {
		t.Errorf("Signal after it was reaped = %v, want ErrGone", err)
	}
}

func TestOpenIsOfTheSameProcess(t *testing.T) {
	_, p := start(t, "sleep", "1000")
	before := openDescriptors(t)
	if _, err := (alive.Process{PID: p.PID, Start: p.Start - 1}).Open(); !errors.Is(err, alive.ErrGone) {
		t.Errorf("Open of an earlier process with the same id: error %v, want ErrGone", err)
	}
	if after := openDescriptors(t); after > before {
		t.Errorf("%d descriptors leaked", after-before)
	}
}

func TestSignalNotPermitted(t *testing.T) {
	_, p := start(t, "sleep", "1000")
	handle, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	if err := handle.Signal(99); err == nil || errors.Is(err, alive.ErrGone) {
		t.Errorf("an impossible signal: error %v", err)
	}
}

// TestWaitForMany holds that waiting for many processes, twice each, takes neither a thread nor leaks a descriptor.
func TestWaitForMany(t *testing.T) {
	const many = 100
	handles := make([]*alive.Handle, many)
	for i := range handles {
		_, p := start(t, "sleep", "1000")
		handle, err := p.Open()
		if err != nil {
			t.Fatal(err)
		}
		handles[i] = handle
	}
	var group sync.WaitGroup
	failed := make([]error, 2*many)
	cancelled, cancel := context.WithCancel(t.Context())
	descriptors, threads := openDescriptors(t), entries(t, "/proc/self/task")
	// One after the other: many system calls at the same moment make the runtime start threads, which says nothing about waiting.
	for i := range failed {
		ctx := t.Context()
		if i >= many {
			ctx = cancelled
		}
		group.Add(1)
		go func() { defer group.Done(); failed[i] = handles[i%many].Wait(ctx) }()
		eventually(t, "it waits", func() bool { return openDescriptors(t) > descriptors+i })
	}
	if more := entries(t, "/proc/self/task") - threads; more >= many {
		t.Errorf("%d more threads wait for %d processes", more, many)
	}
	cancel()
	for _, handle := range handles {
		if err := handle.Signal(unix.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	group.Wait()
	if left := openDescriptors(t) - descriptors; left > 0 {
		t.Errorf("%d descriptors leaked", left)
	}
	for i, err := range failed {
		if i < many && err != nil {
			t.Errorf("Wait %d = %v", i, err)
		}
		if i >= many && err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled Wait %d = %v", i-many, err)
		}
	}
	for _, handle := range handles {
		if err := handle.Close(); err != nil {
			t.Error(err)
		}
	}
}

func openDescriptors(t testing.TB) int {
	t.Helper()
	return entries(t, "/proc/self/fd")
}

func entries(t testing.TB, dir string) int {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}
