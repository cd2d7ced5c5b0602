package alive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Handle holds one process by a pidfd (pidfd_open(2)): it never means another process, even after this one has ended. It is safe for use by
// several goroutines. The caller closes it.
type Handle struct {
	process Process
	file    *os.File
}

// Open returns a handle of the process, ErrGone if it has ended.
func (p Process) Open() (*Handle, error) {
	if p.PID <= 0 {
		return nil, fmt.Errorf("%w: %d is no process id", ErrGone, p.PID)
	}
	fd, err := unix.PidfdOpen(p.PID, unix.PIDFD_NONBLOCK)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EINVAL) { // EINVAL: the id is now a thread's
		return nil, fmt.Errorf("%w: %d", ErrGone, p.PID)
	}
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", p.PID, err)
	}
	handle := &Handle{process: p, file: os.NewFile(uintptr(fd), "pidfd")}
	// Only now: while the descriptor is open, the start time read here is that of the process it means, or of a later one.
	found, err := Look(p.PID)
	if err == nil && found != p {
		err = fmt.Errorf("%w: %d is another process now", ErrGone, p.PID)
	}
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return handle, nil
}

// Process returns what the handle was opened for.
func (h *Handle) Process() Process { return h.process }

// Signal sends sig, which may be a real-time signal, and returns ErrGone if the process has ended.
func (h *Handle) Signal(sig unix.Signal) error {
	var sent error
	err := h.control(func(fd int) { sent = unix.PidfdSendSignal(fd, sig, nil, 0) })
	if err == nil {
		err = sent
	}
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: %d", ErrGone, h.process.PID)
	}
	if err != nil {
		return fmt.Errorf("send signal %d to process %d: %w", int(sig), h.process.PID, err)
	}
	return nil
}

// Wait returns nil when the process has ended, reaped or not, or the error of ctx. Waiting takes a descriptor but no thread, so that one
// may wait for thousands at once.
func (h *Handle) Wait(ctx context.Context) error {
	waiter, err := h.duplicate()
	if err != nil {
		return err
	}
	defer waiter.Close()
	stop := context.AfterFunc(ctx, func() {
		_ = waiter.SetReadDeadline(time.Unix(1, 0)) // fails only when Wait has already returned
	})
	defer stop()
	raw, err := waiter.SyscallConn()
	if err != nil {
		return fmt.Errorf("wait for process %d: %w", h.process.PID, err)
	}
	var polled error
	err = raw.Read(func(fd uintptr) bool {
		var ended bool
		ended, polled = readable(int(fd))
		return ended || polled != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return ctx.Err()
	}
	if err = errors.Join(err, polled); err != nil {
		return fmt.Errorf("wait for process %d: %w", h.process.PID, err)
	}
	return nil
}

// Close gives the descriptor back. The process goes on.
func (h *Handle) Close() error { return h.file.Close() }

// duplicate gives a wait a descriptor of its own, because the deadline that cancels it belongs to the file.
func (h *Handle) duplicate() (*os.File, error) {
	fd, failed := -1, error(nil)
	err := h.control(func(own int) { fd, failed = unix.FcntlInt(uintptr(own), unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("wait for process %d: %w", h.process.PID, err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

func (h *Handle) control(f func(fd int)) error {
	raw, err := h.file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// readable reports whether a pidfd says that its process has ended.
func readable(fd int) (bool, error) {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if !errors.Is(err, unix.EINTR) {
			return n == 1, err
		}
	}
}
