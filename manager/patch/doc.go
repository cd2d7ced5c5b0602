// Package patch decides what is true of each container after the host has changed, and what is to be done about it. It is pure: what is
// observed comes in as Facts, what follows comes out as Judgements and a Plan.
//
// Words:
//
//	verdict   what is true of a container: patched, unaffected, stale, shadowed or unknown (design, section 3)
//	reason    one piece of evidence for a verdict: a process, a path, a package
//	action    what a plan does about it: restart, heal, wait or none
//
// A verdict is good when a process that a container starts now gets the bytes of the host as it is now, and none that runs holds older ones.
// Whatever could not be looked at is unknown, which is never good; no verdict rests on a recorded number alone.
package patch
