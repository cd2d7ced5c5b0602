package record_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/record"
)

// holdLock is a process that has the Verb lock of web1, its own or an inherited one, says so, and ends with its stdin.
func holdLock(locks *record.Locks, err error) {
	if err == nil {
		err = locks.Try("web1", record.Verb)
	}
	if err != nil {
		fail(err)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// otherHolder starts such a process; end lets it go.
func otherHolder(t *testing.T, what, dir string, extra ...*os.File) (end func()) {
	t.Helper()
	cmd := helper(t, what, dir)
	cmd.ExtraFiles = extra
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	end = func() { once.Do(func() { _ = stdin.Close(); _ = cmd.Wait() }) }
	t.Cleanup(end)
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return end
}

func openLocks(t *testing.T, dir string) *record.Locks {
	t.Helper()
	locks, err := record.OpenLocks(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = locks.Close() })
	return locks
}

func TestLocksBetweenProcesses(t *testing.T) {
	dir := t.TempDir()
	locks := openLocks(t, dir)
	end := otherHolder(t, "lock", dir)
	if err := locks.Try("web1", record.Verb); !errors.Is(err, record.ErrBusy) {
		t.Errorf("Try = %v, want ErrBusy", err)
	}
	if held, err := locks.Held("web1", record.Verb); err != nil || !held {
		t.Errorf("Held = %v, %v", held, err)
	}
	for _, other := range []struct {
		name  string
		class record.Class
	}{{"web1", record.World}, {"web2", record.Verb}, {"web10", record.Verb}, {record.Global, record.Verb}, {"global", record.Verb}} {
		if err := locks.Try(other.name, other.class); err != nil {
			t.Errorf("Try(%s, %d) = %v; nobody has it", other.name, other.class, err)
		}
		if held, err := locks.Held(other.name, other.class); err != nil || held {
			t.Errorf("Held(%s, %d) = %v, %v; only we have it", other.name, other.class, held, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := locks.Acquire(ctx, "web1", record.Verb); !errors.Is(err, record.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Acquire = %v, want ErrBusy and the deadline", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- locks.Acquire(t.Context(), "web1", record.Verb) }()
	end()
	if err := <-waited; err != nil {
		t.Errorf("Acquire after the other's end = %v", err)
	}
}

// TestInheritedLock hands a lock to a child: it stays taken when the parent closes its descriptor, and is free when the child ends.
func TestInheritedLock(t *testing.T) {
	dir := t.TempDir()
	ours, watcher := openLocks(t, dir), openLocks(t, dir)
	if err := ours.Try("web1", record.Verb); err != nil {
		t.Fatal(err)
	}
	end := otherHolder(t, "inherit", dir, ours.File())
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	if held, err := watcher.Held("web1", record.Verb); err != nil || !held {
		t.Errorf("after the parent closed it, Held = %v, %v", held, err)
	}
	end()
	if held, err := watcher.Held("web1", record.Verb); err != nil || held {
		t.Errorf("after the child's end, Held = %v, %v", held, err)
	}
}

func TestRelease(t *testing.T) {
	dir := t.TempDir()
	a, b := openLocks(t, dir), openLocks(t, dir)
	for range 3 {
		if err := a.Try("web1", record.World); err != nil {
			t.Fatal(err)
		}
		if err := a.Try("web1", record.World); !errors.Is(err, record.ErrBusy) {
			t.Errorf("a second Try of the same owner = %v, want ErrBusy", err)
		}
		if err := b.Try("web1", record.World); !errors.Is(err, record.ErrBusy) {
			t.Errorf("Try of another owner = %v, want ErrBusy", err)
		}
		if err := errors.Join(a.Release("web1", record.World), a.Release("web1", record.World)); err != nil {
			t.Fatal(err)
		}
		a, b = b, a
	}
}

// TestLocksExclude lets goroutines with two descriptors of the same file take turns.
func TestLocksExclude(t *testing.T) {
	dir := t.TempDir()
	both := []*record.Locks{openLocks(t, dir), openLocks(t, dir)}
	var inside, entered atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			locks := both[i%2]
			for range 20 {
				if err := locks.Acquire(t.Context(), "web1", record.Verb); err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d are inside", n)
				}
				entered.Add(1)
				inside.Add(-1)
				if err := locks.Release("web1", record.Verb); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	group.Wait()
	if entered.Load() != 160 {
		t.Errorf("%d turns, want 160", entered.Load())
	}
}

func TestManyLocksOneDescriptor(t *testing.T) {
	dir := t.TempDir()
	a, b := openLocks(t, dir), openLocks(t, dir)
	before := descriptors(t)
	for i := range 1000 {
		if err := a.Try(fmt.Sprint("web", i), record.Verb); err != nil {
			t.Fatal(err)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("1000 locks take %d descriptors", after-before)
	}
	for i := range 1000 {
		if held, err := b.Held(fmt.Sprint("web", i), record.Verb); err != nil || !held {
			t.Fatalf("web%d: Held = %v, %v", i, held, err)
		}
	}
	if info, err := os.Stat(dir + "/lock"); err != nil || info.Size() != 0 || info.Mode() != 0o600 {
		t.Errorf("the lock file: %v, %v", info, err)
	}
}

func TestOpenLocksRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/target", "")
	if err := errors.Join(os.Symlink("target", dir+"/link"), unix.Mkfifo(dir+"/fifo", 0o600), os.Mkdir(dir+"/dir", 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"link", "fifo", "dir", "missing/lock"} {
		if locks, err := record.OpenLocks(filepath.Join(dir, path)); err == nil {
			t.Errorf("%s is taken for the lock file", path)
			_ = locks.Close()
		}
	}
}
