// Package beneath is the only door into a directory tree that somebody hostile has written: a container's delta, or what a container's root
// shows. It knows nothing of overlays or containers.
//
// A Dir is an opened directory. Everything else is named relative to one, and the kernel itself refuses, while it resolves the name, to
// leave the directory, to follow any symbolic link and to cross any mount point (openat2(2): RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS,
// RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV). So a tree that changes during the call can make a call fail or find another part of the same
// tree, and can never make it reach anything else. What is to be read or changed is first opened with O_PATH, which has no side effect
// whatever it is, looked at, and only then used through that very descriptor: no FIFO blocks, no device is ever opened.
//
// Words:
//
//	rel    a relative path: "." or names joined by single slashes, none of them "." or ".."; any byte but NUL and slash may be in a name
//	entry  what a name in a directory stands for
//
// A lifecycle: Open, or From for a descriptor of your own; any number of calls; Close. A Dir may be used by several goroutines. Memory is
// bounded everywhere: by a limit that the caller gives, or by a constant and the depth of the tree.
//
// It needs Linux 5.6 and /proc.
package beneath
