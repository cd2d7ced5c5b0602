// Package evidence looks at running containers and says what in them is not the host's any more after the host was patched: files that a
// process maps, executes or holds open, and changed paths that still answer with the old file. It judges nothing and remembers nothing;
// manager/patch makes verdicts of what is found here.
//
// Words:
//
//	subject  a running container that is looked at
//	changed  a path of the base that is not on the host what it was when the container mounted it
//	finding  one fact that a human can check: process, path, inode there, inode on the host
//	unknown  why a subject could not be looked at; it is never counted as good
//
// A container can block whoever looks at it, for example by mapping its own arguments from a FUSE filesystem that never answers. So Look
// hands subjects to a few children, which are this program again (Verb, Serve). One child has one subject at a time; one that does not
// answer in time is killed and replaced, and only its subject is unknown. The children read and never execute, follow or believe anything
// of a container.
//
// Why files are known by inode number and number of links, and not by device: through two overlays a file of the base keeps its inode
// number, while the device shown is the inner overlay's in maps and one of the outer's in stat, and kernels before 6.8 show the host's own.
// A file that was replaced on the host has no link left, also seen from inside, and the kernel does not call it "(deleted)" there, because
// nothing was deleted in the overlay; what a container deleted of its own it does call so. An old file that still has a link (a backup, a
// snapshot) is known by its former inode number and size.
//
// Why the control group is enough: a process inherits it, and neither cgroup namespace nor permissions let a container move one out. It is
// listed until no process has come and gone unseen.
//
// Looking a path up makes the kernel remember the answer for that container. If the host changes the same path once more, that container
// answers old until it is started anew, whether or not anything in it uses the path. That errs towards stale, never towards patched.
package evidence
