// Package mount makes the stacks of package overlay real: clones of host filesystems, id maps, credentials, mount namespaces. It is the only
// package of sysctr that calls mount(2) and its newer kin.
//
// One lifecycle, all of it in the starter's own mount namespace:
//
//	Isolate        the namespace becomes recursively slave: nothing made here reaches the host
//	Open           one thread drops its credentials to the mounter's (uid and gid sysctr-base, CAP_SYS_ADMIN and nothing else)
//	Session.Mount  per container: clone and idmap the bases, make each inner with the mounter's credentials, each outer as root
//	Root.Close     unmount; a running container keeps its mounts, the starter's namespace forgets them
//
// Two ways, chosen by trying (Session.Probe): on kernels from 6.13 layers are handed over as descriptors and the inner overlay is never
// attached anywhere; on older ones everything is attached at paths, and since tmpfs cannot be idmapped there before 6.3, mask and seed must
// have been written with shifted owners. See mount_setattr(2), open_tree(2), fsopen(2), Documentation/filesystems/overlayfs.rst ("Permission
// model") and Documentation/filesystems/idmappings.rst.
package mount
