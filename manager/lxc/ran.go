package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// cannotExecute is the status with which init.lxc ends when it cannot execute the command; it says no more of the cause.
const cannotExecute = 255

// ran waits until init.lxc, which has been executed, has its command executed: until a child of it has another program. It returns
// alive.ErrGone when init ends before anybody has seen that. A command that takes longer than any should is not waited for.
func ran(initPID int) error {
	const patience = 10 * time.Second
	var own, its unix.Stat_t
	children := fmt.Sprintf("/proc/%d/task/%d/children", initPID, initPID)
	for begun, pause := time.Now(), 100*time.Microsecond; time.Since(begun) < patience; pause = min(2*pause, 10*time.Millisecond) {
		if err := unix.Stat(fmt.Sprintf("/proc/%d/exe", initPID), &own); err != nil {
			return fmt.Errorf("%w: the container ended at once", alive.ErrGone)
		}
		text, _ := os.ReadFile(children) // none where it has just ended, which the next look tells
		for _, child := range strings.Fields(string(text)) {
			if unix.Stat("/proc/"+child+"/exe", &its) == nil && (its.Dev != own.Dev || its.Ino != own.Ino) {
				return nil
			}
		}
		time.Sleep(pause)
	}
	return nil
}

// endedAtOnce reports whether an error of a start says that the container's init was gone when it was looked at.
func endedAtOnce(err error) bool {
	var stage launchError
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, alive.ErrGone) || errors.As(err, &stage) && stage.ended()
}

// outcome says what became of a command that ended before anybody saw it run: nil if it did what it was for, else why it did not. The monitor
// leaves its status a moment after the end. root is where the container's layers are still mounted.
func (s *Starter) outcome(ctx context.Context, rec record.Record, root string, cause error) error {
	waiting, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		status, ok := s.Status(rec.Name)
		switch {
		case ok && status == 0:
			return nil
		case ok && status == cannotExecute:
			return fmt.Errorf("its command %s cannot be executed: %s", rec.Spec.Command[0], obstacle(root, rec))
		case ok:
			return fmt.Errorf("its command %s ended at once with status %d; see 'sysctr logs %s'", rec.Spec.Command[0], status, rec.Name)
		}
		select {
		case <-waiting.Done():
			return cause
		case <-time.After(time.Millisecond):
		}
	}
}

// obstacle says why a command cannot be executed, as far as a look at its file tells. Mounts of the profile are not below root.
func obstacle(root string, rec record.Record) string {
	const unknown = "it, or the interpreter that it names, is missing or may not be executed"
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil || len(rec.Spec.Mounts) > 0 {
		return unknown
	}
	defer unix.Close(dir) //nolint:errcheck // only looked through
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	file, err := unix.Openat2(dir, rec.Spec.Command[0], &how)
	if err != nil {
		return err.Error()
	}
	defer unix.Close(file) //nolint:errcheck // as above
	var st unix.Stat_t
	if err := unix.Fstat(file, &st); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Mode&0o111 == 0) {
		return unix.EACCES.Error()
	}
	return unknown
}
