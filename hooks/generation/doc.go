// Package generation numbers the states of a host that containers can have been mounted on, keeps them, and says what is different between
// two of them. Whether that difference matters to a container is for others to say.
//
// Words:
//
//	generation  a numbered state: the package database and the index, kept in the archive
//	index       every visible path of the base with what the kernel says of it, whether a package owns it or not
//	mixed       the package manager was at work, or had left its work half done: what is on the disk is no state at all
//	signature   what stat says of the files of the package database; while it is the same, no package changed
//	scope       what decides which paths are visible; a state seen through another scope is another generation
//	young       a path that changed so shortly before it was looked at that a second change could carry the same time
//
// # Why an index
//
// A package database knows nothing of edits in /etc, of /usr/local, of alternatives, of caches that scripts derive, and not even of a package that
// was built again under the same version. No program can set a ctime, so a path whose inode, ctime, size, type, mode, owner and link target are
// what they were has the bytes that it had. The price is that some paths differ of which the bytes are the same: looking at them is for
// others, and the safe direction. Device numbers are not compared (they change with a reboot); nor are size and time of directories, since what
// changes in one is seen there. Only of a directory that was touched after what is in it is the time kept: it may have been moved away and back, and
// all below it is looked at, as below one that replaced another.
//
// # Which generation a start has
//
// The newest one taken before its mounts: whatever changed on the host since then is different in the next one, and is looked at, even if the
// start has it already. So an older number is always safe, and a newer one never is. Only a host at rest becomes a generation: a start while it
// is mixed has the newest one before, and is mixed itself.
//
// # Files
//
// Below the directory of the Store: index-N is a generation, pack-N the files and digests of those packages that generation N was the first
// to have, lock excludes those who write. Each file is written beside its name, synced and renamed; it begins with its format and a digest of all
// that follows. One of an unknown format is refused, and neither changed nor deleted.
//
// # A lifecycle
//
//	store, err := generation.Open("/var/lib/sysctr/generations")
//	info, err := store.Current(ctx, source) // before mounts; the start keeps info.Number and info.Mixed
//	now, err := store.Take(ctx, source)     // later
//	then, err := store.Load(ctx, number)    // of the start
//	diff := generation.Compare(then, now)
//	err = store.Prune(func(number int) bool { ... })
package generation
