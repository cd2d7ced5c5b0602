// Package overlay says what the layers of a container are, as values. It decides and renders; it never mounts (overlay/mount does).
//
// Words:
//
//	base    the host's root as containers may see it, one per host filesystem that belongs to it
//	mask    a read-only layer that hides parts of the base
//	common  the generated layer of a profile; seed, the one of a container
//	inner   the read-only overlay of mask and base, mounted with credentials that own nothing
//	outer   the overlay a container sees: delta, seed, common and inner
//	stack   one inner and one outer for one host filesystem
//
// A stack is computed from the host's mount table and the directories of a container (Plan), shown (Stack.String) and handed to
// overlay/mount as it is.
package overlay
