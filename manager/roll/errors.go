package roll

import "errors"

var (
	// ErrBusy says that another process drives the roll; it sees what is asked of it, a new plan too.
	ErrBusy = errors.New("another command carries out the roll; it takes up what was asked")

	// ErrWaits says that the roll goes on later, and that Run returned because its caller wanted it. The error has the reason to wait.
	ErrWaits = errors.New("the roll waits")

	// ErrHalted says that a gate stopped the roll. The error has the reason.
	ErrHalted = errors.New("the roll is halted")

	// ErrNone says that there is no roll that could be resumed or aborted.
	ErrNone = errors.New("no roll is under way")

	// ErrFormat says that a file was written in a format that this version does not know. It must not be changed or deleted.
	ErrFormat = errors.New("roll has a format that this version of sysctr does not know; use the version that wrote it")

	// ErrDamaged says that a roll or plan is there but cannot be used.
	ErrDamaged = errors.New("unusable roll")

	// ErrCircle says that members wait for each other; the error names them.
	ErrCircle = errors.New("after: goes in a circle")

	// ErrLater is what an Actor's Restart returns where somebody else works on the container at the moment: it is tried again.
	ErrLater = errors.New("somebody else is working on it")

	// ErrEvent says that an event cannot happen in the state that the roll is in.
	ErrEvent = errors.New("this cannot happen now")
)
