// Package floor starts containers with as little around liblxc as there can be: what sysctr is compared with.
//
// There are two floors. The one that mounts does the same mounts as sysctr with the same code (idmapped base, inner overlay with credentials
// that own nothing, outer overlay), in a user namespace, with the same system call policy and the same number of workers; everything that
// makes these containers sysctr's is left out: records, locks, seeds, notify sockets, verifying, telling. The plain one lets liblxc mount
// `overlay:/:UPPER` for a privileged container. Both find their configurations, layers and deltas prepared.
//
// The package is run in a process of its own, whose fork each monitor is, in a mount namespace of its own, as sysctr's starter is. It stops
// nothing and sweeps nothing: its caller knows the names of the control groups.
package floor
