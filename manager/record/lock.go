package record

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Class says what a lock is about.
type Class int

const (
	// Verb is held by the command that works on a container, from before it looks until it is done.
	Verb Class = iota
	// World is held by whoever changes the mounts and processes of a container: a starter, or what stops it. It is taken after Verb.
	World
)

// Global is the name to lock, with Verb, for what concerns no single container: the allocation of ids, the preparation of the host. No
// container can have it as a name.
const Global = ".global"

// Locks are locks on names, all in one file: each is one byte of it, held as an open file description lock (fcntl(2)). One descriptor holds
// any number of them, and a child that inherits it holds the same ones; they end when the last copy is closed, however its
// process ends. That is why there are no lock files: liblxc's start takes time with every descriptor it is left with.
//
// Copies of one descriptor, in whatever process, are one owner: what one of them releases is released for all. Within one Locks a lock
// excludes other goroutines too. Locks do not nest.
type Locks struct {
	file *os.File
	mu   sync.Mutex
	held map[int64]bool // taken by this very value; an inherited lock is not in it
}

// OpenLocks opens the lock file at path, and makes it, mode 0600, if need be. The caller closes it, which releases everything unless a child
// still has it.
func OpenLocks(path string) (*Locks, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open locks: %w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open locks: %s is not a regular file; remove it", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return LocksFromFile(file), nil
}

// LocksFromFile returns the locks of an open lock file: an inherited one, with what the parent held. Release works on those; Try and Acquire
// of what is inherited succeed.
func LocksFromFile(file *os.File) *Locks {
	return &Locks{file: file, held: map[int64]bool{}}
}

// File returns the open lock file, to be inherited by a child. It stays the property of l.
func (l *Locks) File() *os.File { return l.file }

// Close closes the lock file.
func (l *Locks) Close() error { return l.file.Close() }

// Try takes the lock if it is free, and returns ErrBusy at once if not, also if this very Locks has it.
func (l *Locks) Try(name string, class Class) error {
	at := offset(name, class)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[at] {
		return fmt.Errorf("lock %s: %w", name, ErrBusy)
	}
	err := l.fcntl(unix.F_OFD_SETLK, unix.F_WRLCK, at, nil)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("lock %s: %w", name, ErrBusy)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", name, err)
	}
	l.held[at] = true
	return nil
}

// Acquire takes the lock as soon as it is free. When ctx ends first, the error wraps ErrBusy and that of ctx. It asks again and again, with
// pauses of up to 20 ms, since the kernel's own waiting cannot be ended; who asked first has no advantage.
func (l *Locks) Acquire(ctx context.Context, name string, class Class) error {
	for pause := 200 * time.Microsecond; ; pause = min(2*pause, 20*time.Millisecond) {
		err := l.Try(name, class)
		if !errors.Is(err, ErrBusy) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// Release gives the lock back, also an inherited one. It is idempotent.
func (l *Locks) Release(name string, class Class) error {
	at := offset(name, class)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fcntl(unix.F_OFD_SETLK, unix.F_UNLCK, at, nil); err != nil {
		return fmt.Errorf("unlock %s: %w", name, err)
	}
	delete(l.held, at)
	return nil
}

// Held reports whether somebody else holds the lock. What this descriptor or a copy of it holds does not count.
func (l *Locks) Held(name string, class Class) (bool, error) {
	var found unix.Flock_t
	if err := l.fcntl(unix.F_OFD_GETLK, unix.F_WRLCK, offset(name, class), &found); err != nil {
		return false, fmt.Errorf("look at lock %s: %w", name, err)
	}
	return found.Type != unix.F_UNLCK, nil
}

// fcntl does one operation on the byte at an offset; found, if given, receives the kernel's answer.
func (l *Locks) fcntl(command int, kind int16, at int64, found *unix.Flock_t) error {
	lock := unix.Flock_t{Type: kind, Start: at, Len: 1}
	raw, err := l.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.FcntlFlock(fd, command, &lock) })
	if found != nil {
		*found = lock
	}
	return errors.Join(err, failed)
}

// offset is the byte that stands for a lock: 62 bits of a hash of the name, and one for the class. The file stays empty. That two names share
// a byte is as likely as nothing, and would only make one of them wait.
func offset(name string, class Class) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(sum[:8])>>2)<<1 | int64(class)
}
