// Package idrange hands out ranges of user and group ids, and reserves them on the host. It is pure: it reads and writes nothing, its
// callers bring the ranges in use and the text of the files.
//
// A range is 65536 consecutive ids that one container sees as 0 to 65535. A pool is the stretch of ids that the ranges are cut from.
// Range 0 of the pool is the shared one: every container of isolation "shared" uses it, and it is never given to a single container.
//
// To reserve a pool means to write it as root's into /etc/subuid and /etc/subgid (subuid(5)), so that no tool that reads these files
// gives the same ids to somebody else. Nothing here needs the entry to work.
package idrange
