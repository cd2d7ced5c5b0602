// Package delta looks into a container's own layer and takes parts out of it, all through overlay/beneath: what lies in a delta was written
// by container root. It mounts nothing and knows no container, lock or record: whoever changes a delta holds its lock and has stopped it.
//
// A delta directory holds
//
//	upper, work         the layer over the host's root filesystem
//	fs/ESCAPED/{upper,work}  one more for each further host filesystem (overlay.DeltaDir)
//	trash/ID/           what one Reset took out: journal.json and the parts, named by their numbers
//	reserve/            ballast: space and inodes to be given back on a full disk
//
// Only what is below an upper is hostile; the rest is root's, below a directory of mode 0700. Any of it may be missing: the first start makes
// upper and work, and so does every later one.
//
// Words:
//
//	entry     what is in an upper, classified the way overlayfs reads it (Kind)
//	whiteout  an entry that says: what the lower layers have of this name is gone
//	opaque    a directory that hides what the lower layers have in it
//	lower     what a name is below the delta: the topmost of the layers of a View that has it
//	change    a difference between what a container shows and what it would show with an empty delta
//
// # Reset
//
// Reset first writes down in trash/.new-ID/journal.json what it will take, then moves it there, one rename for each part, and at last
// renames the directory to trash/ID. That is the whole state: without a whole journal nothing was moved, below a name that begins with
// ".new-" some of it may have been, and Recover moves the rest. A crash at any instruction so ends in one of two states, and nothing is ever
// copied, replaced or removed but by Purge. Recover must come before the next start, or that finds half of what was to go. The journal has
// all that a way back needs.
package delta
