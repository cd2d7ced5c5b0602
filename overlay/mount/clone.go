package mount

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// closeAll closes descriptors of mounts that the kernel keeps alive by itself; there is nothing to lose in an error.
func closeAll(fds []*os.File) {
	for _, f := range fds {
		_ = f.Close()
	}
}

// clone makes a detached, read-only, device-less clone of the mount at path, without the mounts below it, idmapped to userns where one is
// given (nil: not idmapped). See open_tree(2) and mount_setattr(2).
func clone(path string, userns *os.File) (*os.File, error) {
	n, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return nil, fmt.Errorf("clone the mount at %s: %w", path, err)
	}
	tree := os.NewFile(uintptr(n), path)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV}
	if userns != nil {
		attr.Attr_set |= unix.MOUNT_ATTR_IDMAP
		attr.Userns_fd = uint64(userns.Fd())
	}
	if err := unix.MountSetattr(n, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		_ = tree.Close()
		return nil, fmt.Errorf("idmap the mount at %s (its filesystem must support idmapped mounts): %w", path, err)
	}
	return tree, nil
}

// layer opens the directory rel of a cloned layer filesystem, or returns nil where it does not exist.
func layer(tree *os.File, rel string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	n, err := unix.Openat2(int(tree.Fd()), rel, &how)
	if err == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the layer %s: %w", rel, err)
	}
	return os.NewFile(uintptr(n), rel), nil
}

// attach mounts a detached tree at the existing directory path.
func attach(tree *os.File, path string) error {
	if err := unix.MoveMount(int(tree.Fd()), "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("attach %s: %w", path, err)
	}
	return nil
}

// detach takes the mount at path, and those below it, out of the namespace.
func detach(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return nil
}

// Detached returns a read-only, detached clone of the mount at path alone, without what is mounted below it: for looking at what a layer
// has under the host's mount points. It needs no namespace of its own and leaves nothing in any; the caller closes it.
func Detached(path string) (*os.File, error) { return clone(path, nil) }
