// Package record keeps what sysctr knows of each container: the record on disk, which survives a reboot, and the live state on a tmpfs, which
// does not. It also has the locks that say who may change what, and the one function that derives a container's state. It starts, stops
// and mounts nothing.
//
// A record is containers/NAME/record.json below the state directory, beside the container's delta. A draft is a container that is being made,
// containers/.new-NAME; trash is one that was destroyed, containers/.trash-NAME-HEX. No container's name begins with a dot. A live state is
// containers/NAME/live.json below the run directory.
//
// # Crashes
//
// A container exists from the moment its draft is renamed to its name, and no longer from the moment it is renamed to trash. Each
// rename is one atomic step, and Create makes the bytes of the record and of the directories beside it durable before it: so after a
// crash or a power cut at any instruction a name is either not there, or there with a whole record. What a crash leaves are drafts and
// trash, which Sweep takes away: all that is there and is nobody's.
//
// A record is replaced the same way (WriteFile): a reader sees the old one or the new one, never a part.
//
// # Locks
//
// Whoever calls a function here that changes a name holds the Verb lock of that name, see Locks; the package does not take it by itself,
// because one verb makes several calls. Ids are allocated under the Global lock, from Used until Create has returned.
//
// # Formats
//
// Every file has a format number. A record of another format is shown by name and error, and neither rewritten nor deleted: it belongs to a
// newer sysctr. In every format to come the key "range" keeps its meaning, so that its ids are not given out again.
package record
