// Package hooks has the host's package managers say when they have changed something, and waits until they have finished. It knows nothing
// of containers: what follows from a change is its caller's business.
//
// # Words
//
// A drop-in is a file in a package manager's own configuration that makes it run the script pkg-hook. The script leaves the mark, an empty or
// short file at /run/sysctr/host/pending: to leave it is to poke. A refresh takes the mark, waits until the package manager has been quiet for
// a while (it settles), and looks. It holds while packages are half installed.
//
// # What can be relied upon
//
// Marks get lost: package managers are killed, an earlier hook of somebody else fails, a disk is full. So a mark says when to look and never
// what has changed; a refresh is also started by changes of the package database, by the hour and at boot.
//
// The drop-ins lie where every container can see the host's files. The mask hides those of apt, dpkg and needrestart, and the script does
// nothing where /run/sysctr/host is missing: in containers, in a chroot, and after sysctr has been removed.
//
// # Whose a drop-in is
//
// One of the first two lines of a drop-in is its owner line. It bears a digest of all other lines, so that an edit is seen. What somebody
// else wrote or edited is neither replaced nor removed unless that is asked for.
//
// # One lifecycle
//
// Install writes the drop-ins of what the host has. A package manager runs, the script leaves the mark, and the service manager or the
// script itself starts a refresh: Refresh.Run. Remove takes the drop-ins away.
package hooks
