package roll

import (
	"context"
	"time"
)

// Actor is what a driver needs of the host. Its calls are made from several goroutines; each returns in bounded time, and at once when its
// context ends.
type Actor interface {
	// Look sees every container. It changes nothing.
	Look(ctx context.Context) (World, error)
	// Restart stops the container and starts it over fresh mounts, waits until it is ready, and returns what it is then, also with an error. It
	// does nothing, without an error, if the container is at rest by then, or runs in another boot than the given one, which is empty for one
	// whose restart was interrupted when it was down: that is finished, and a start that goes on by itself is waited for. The reasons are for the
	// host's journal. ErrLater says that nothing was done.
	Restart(ctx context.Context, container, boot string, reasons []string) (Sight, error)
	// Health looks into a running container. It waits for one that boots, and runs the probe inside, if there is one, each at most for the timeout.
	// An error says that it could not look.
	Health(ctx context.Context, container string, probe []string, timeout time.Duration) (Health, error)
}

// Clock tells the time; Wall is the one there is.
type Clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

// Wall is the host's clock.
type Wall struct{}

// Now is time.Now.
func (Wall) Now() time.Time { return time.Now() }

// After is time.After.
func (Wall) After(d time.Duration) <-chan time.Time { return time.After(d) }
