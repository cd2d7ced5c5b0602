package alive

import "errors"

var (
	// ErrGone says that a process has ended, or that its id belongs to another process by now.
	ErrGone = errors.New("process is gone")

	// ErrPopulated says that processes are left in a cgroup that has to be empty.
	ErrPopulated = errors.New("cgroup still has processes")

	// ErrNotFrozen says that not all processes of a cgroup stopped in time; it was thawed again.
	ErrNotFrozen = errors.New("cgroup does not freeze")

	// ErrUnsupported says that no mounted hierarchy can do what was asked.
	ErrUnsupported = errors.New("no cgroup controller for it is mounted")

	// ErrGroup says that a Group is not usable: a path that is not clean, or the root of a hierarchy, or one the caller itself is in.
	ErrGroup = errors.New("unusable cgroup")
)
