// Package alive knows whether a process or a group of processes is still there, waits for it, and ends it. All it trusts is the kernel:
// process ids with their start times, pidfds, and the cgroup file systems. It never asks liblxc and it stores nothing.
//
// A Process is a process id together with its start time, so that it can be written down and recognised later; after a reboot it is told
// apart by BootID. Open turns it into a Handle, a pidfd that can be signalled and waited for and can never mean another process.
//
// Cgroups come in three layouts: version 1 (a file system per set of controllers), version 2 (one for all) and both beside each other. A
// hierarchy is one such file system, called by its controllers as in /proc/PID/cgroup (cgroups(7)); version 2 is called "". A Layout says
// what is mounted where, a Group is a path in each hierarchy and can be stored as JSON, a Tree is a Group placed on a Layout: it can be
// listed, killed, frozen, measured and removed.
//
//	layout, err := alive.ReadLayout()
//	group, err := layout.At("sysctr/c/web1")
//	tree, err := layout.Tree(group)
//	err = tree.Kill(ctx)
//	err = tree.Remove(ctx)
//
// What lies below a group may have been made by a hostile container: any depth, any number, frozen by itself, forking as it is killed.
package alive
