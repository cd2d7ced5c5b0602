package record

import "errors"

var (
	// ErrExists says that a container, or a draft in the same batch, has the name already.
	ErrExists = errors.New("container exists")

	// ErrCreating says that there is a draft of that name and no container: it is being made, or a crash left it.
	ErrCreating = errors.New("container is being created")

	// ErrFormat says that a record was written in a format that this version does not know. It must not be changed or deleted.
	ErrFormat = errors.New("record has a format that this version of sysctr does not know; use the version that wrote it")

	// ErrDamaged says that a record or live state is there but cannot be used: not a regular file, too large, no JSON, or values that
	// contradict each other.
	ErrDamaged = errors.New("unusable record")

	// ErrChanged says that the container of that name is not the one the record is of: it was destroyed and made anew.
	ErrChanged = errors.New("container was replaced by another of the same name")

	// ErrMounted says that a tree could not be removed because a file system is mounted inside; nothing of that was touched.
	ErrMounted = errors.New("a file system is mounted in it")

	// ErrBusy says that somebody else holds a lock.
	ErrBusy = errors.New("somebody else is working on it")
)
