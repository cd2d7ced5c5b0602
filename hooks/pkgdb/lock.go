package pkgdb

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// heldLock says whether anybody holds a lock on any part of the file, by asking the kernel and without taking it (fcntl(2)). F_OFD_GETLK sees both
// kinds of locks, of processes and of open file descriptions. A missing file is not held; it is not made.
func heldLock(path string) (Busy, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return Busy{}, nil
	}
	if err != nil {
		return Busy{}, fmt.Errorf("look at the lock %s: %w", path, err)
	}
	defer unix.Close(fd)
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	for {
		err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return Busy{}, fmt.Errorf("look at the lock %s: %w", path, err)
	}
	if lock.Type == unix.F_UNLCK {
		return Busy{}, nil
	}
	return Busy{Held: true, PID: max(0, int(lock.Pid)), Lock: path}, nil
}

// anyHeld returns the first of the locks that is held.
func anyHeld(paths []string) (Busy, error) {
	for _, path := range paths {
		if b, err := heldLock(path); b.Held || err != nil {
			return b, err
		}
	}
	return Busy{}, nil
}
