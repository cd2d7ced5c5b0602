package need

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// filesLock is held by whoever changes the machine's own files or judges them. It lies on the machine, whatever namespace the test is in.
const filesLock = "/run/lock/sysctr-tests-files"

// Files waits until no other test on this machine changes files that all containers show, and keeps the others waiting until this one has ended: a
// verdict is of every path that changed, whoever changed it.
func Files(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(filesLock, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatalf("wait for the machine's files: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() }) // which ends the lock
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return
		}
		if err != unix.EINTR {
			t.Fatalf("wait for the machine's files: %v", err)
		}
	}
}
