package mask

import "errors"

var (
	// ErrRule is wrapped when a path or unit name of the rules is not well formed or must not be used; the profile has to change.
	ErrRule = errors.New("rule cannot be used")
	// ErrMandatory is wrapped when the rules share a path that every container must not see.
	ErrMandatory = errors.New("cannot be shared")
	// ErrUnit is wrapped when a unit of the rules is not on the host or cannot be enabled.
	ErrUnit = errors.New("unit cannot be enabled")
	// ErrHost is wrapped when the host's own files make a safe mask impossible (a broken passwd, an unreadable /).
	ErrHost = errors.New("host cannot be masked")
	// ErrUnsealed is wrapped by Canary.Check: a file that only its owner may read could be opened through the layers. The container must
	// not run.
	ErrUnsealed = errors.New("promise 2 is broken (what an unprivileged user of the host cannot read, no container can open)")
	// ErrUnproven is wrapped by Canary.Check when the layers do not show the canary as the host has it, so that nothing is proved.
	ErrUnproven = errors.New("promise 2 is not proved (what an unprivileged user of the host cannot read, no container can open)")
)
