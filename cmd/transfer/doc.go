// Package transfer is the host's end of a copy out of or into a container: a tar stream (tar(5), as GNU tar inside reads and writes it). It
// knows no containers and starts nothing.
//
// Pack writes the tree below a directory of the host. Unpack makes a tree of a stream below a directory: the stream comes from a container and
// is hostile. It can name, link to and nest whatever it likes; nothing is ever created, changed or read outside of that directory, no
// device or pipe is made, nothing runs with another's rights on the host (setuid) unless that was asked for, and what it may take is bounded.
//
// Words:
//
//	member  one entry of a stream
//	top     the directory whose tree is copied; it is no member of a packed stream, and of an unpacked one it is "."
package transfer
