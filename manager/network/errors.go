package network

import "errors"

var (
	// ErrSubnet says that a subnet cannot be used: not private, too small or too large, or not written as a network.
	ErrSubnet = errors.New("unusable subnet")

	// ErrOverlap says that a subnet has addresses that the host reaches elsewhere.
	ErrOverlap = errors.New("the subnet overlaps a route of the host")

	// ErrExhausted says that the subnet has fewer free addresses than were asked for.
	ErrExhausted = errors.New("no free address")

	// ErrFull says that the bridge cannot hold another port.
	ErrFull = errors.New("the bridge is full")

	// ErrTaken says that an address, a MAC, a name or a port belongs to somebody else.
	ErrTaken = errors.New("taken")

	// ErrPort says that a published port cannot be had for this container.
	ErrPort = errors.New("cannot be published")

	// ErrMissing says that the host does not hold something that a container's start needs.
	ErrMissing = errors.New("the network is not there")

	// ErrHosts says that a hosts file cannot be edited safely.
	ErrHosts = errors.New("hosts file cannot be edited")
)
