package lxc

import (
	"context"
	"time"
)

// What tests look at from inside.
var (
	CheckTrailer = checkTrailer
	Listen       = listen
)

// Policy is the system call policy.
func Policy() []byte { return policy }

// Wait and Close are those of the notify socket.
func (n *notify) Wait(ctx context.Context, init int) error { return n.wait(ctx, init) }

func (n *notify) Close() error { return n.close() }

// Promised is what a container must look like.
type Promised = promised

// Verify checks the promises of a running container.
var Verify = verify

// Promise makes every start of the starter check other promises than it should.
func (s *Starter) Promise(change func(*Promised)) {
	s.check = func(pid int, p promised) error {
		change(&p)
		return verify(pid, p)
	}
}

// AttachDeadline is how long entering a container may take.
func AttachDeadline() time.Duration { return attachDeadline }
