package generation

import "errors"

var (
	// ErrGone says that there is no generation of that number: it was pruned, or never taken. What a start on it had is not known.
	ErrGone = errors.New("generation is not kept")
	// ErrFormat says that a file was written in a format that this version does not know. It is neither changed nor deleted.
	ErrFormat = errors.New("generation has a format that this version of sysctr does not know; use the version that wrote it")
	// ErrDamaged says that a file of the archive is not what was written. Take makes a new generation beside it.
	ErrDamaged = errors.New("unusable file of the archive of generations")
)
