package mount

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Credentials are those the inner overlays are mounted with. overlayfs checks every access to its layers with the mounter's credentials,
// so these own nothing and may do nothing but mount: what an unprivileged user of the host cannot read, nobody can read through the inner.
type Credentials struct{ UID, GID int }

// creator is one OS thread that has dropped its credentials and runs what it is handed. Credentials are per thread in the kernel
// (credentials(7)); the thread is never unlocked from its goroutine, so the Go runtime ends it with the goroutine and starts no thread
// from it.
type creator struct {
	jobs chan func()
}

func newCreator(c Credentials) (*creator, error) {
	if c.UID <= 0 || c.GID <= 0 {
		return nil, fmt.Errorf("drop credentials to uid %d gid %d: the mounter must not be root; run 'sysctr host init'", c.UID, c.GID)
	}
	cr := &creator{jobs: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: see creator
		err := dropCredentials(c)
		ready <- err
		if err != nil {
			return
		}
		for job := range cr.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return cr, nil
}

// run calls f on the thread and waits for it.
func (cr *creator) run(f func() error) error {
	done := make(chan error)
	cr.jobs <- func() { done <- f() }
	return <-done
}

func (cr *creator) close() { close(cr.jobs) }

// dropCredentials changes the calling thread only. The raw system calls are on purpose: the wrappers of package syscall change every
// thread of the process.
func dropCredentials(c Credentials) error {
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("drop credentials: read dumpable: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("drop credentials: keep capabilities: %w", err)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("drop credentials: setgroups: %w", errno)
	}
	gid, uid := uintptr(c.GID), uintptr(c.UID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("drop credentials: setresgid: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("drop credentials: setresuid: %w", errno)
	}
	if err := keepOnlyAdmin(); err != nil {
		return fmt.Errorf("drop credentials: %w", err)
	}
	// Changing the uid clears "dumpable", which belongs to the whole process; without it the children of liblxc cannot open their own /proc.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, uintptr(dumpable), 0, 0, 0); err != nil {
		return fmt.Errorf("drop credentials: restore dumpable: %w", err)
	}
	return nil
}

// keepOnlyAdmin leaves the thread CAP_SYS_ADMIN: it mounts, and overlayfs reads trusted.overlay.* with it. CAP_DAC_OVERRIDE and
// CAP_DAC_READ_SEARCH, which would open every file, go.
func keepOnlyAdmin() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	admin := [2]unix.CapUserData{}
	admin[0].Effective = 1 << unix.CAP_SYS_ADMIN
	admin[0].Permitted = 1 << unix.CAP_SYS_ADMIN
	if err := unix.Capset(&header, &admin[0]); err != nil {
		return fmt.Errorf("keep only CAP_SYS_ADMIN: %w", err)
	}
	return nil
}
