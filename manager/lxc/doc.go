// Package lxc is the door to liblxc and the only package with cgo: it writes LXC configurations, starts containers and attaches to them.
//
// liblxc's monitor is a copy-on-write fork of the process that calls Start, and liblxc is quadratic in that process's open descriptors. So
// nothing here is called by the command line itself: Starter runs in a small process of its own, re-executed from the same binary, in a
// mount namespace of its own, and attaching runs in one child per command. Whether a container lives is never asked of liblxc (a stopped
// monitor hangs it for ever): package alive knows.
//
// Words:
//
//	config    the LXC configuration of one start: derived, written for it, never read back or saved by liblxc
//	monitor   liblxc's process beside each container, the parent of its init
//	starter   our process that mounts, starts, verifies and leaves
package lxc
