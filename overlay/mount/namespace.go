package mount

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// OuterVariable is the environment variable in which a process that is to work in a mount namespace of its own is told which one it must
// not be in. See Outer.
const OuterVariable = "SYSCTR_OUTER_NAMESPACE"

// Outer returns OuterVariable=ID for the caller's own mount namespace, for the environment of a child that is started in a new one.
func Outer() (string, error) {
	id, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return "", fmt.Errorf("name the mount namespace: %w", err)
	}
	return OuterVariable + "=" + id, nil
}

// Isolate makes every mount of the calling process's mount namespace a slave (mount_namespaces(7)): mounts made here stay here, and what the
// host unmounts is released here too. Private instead of slave would pin the host's disks for as long as a container's monitor lives. It
// refuses to touch the namespace that OuterVariable names, and any if it names none.
func Isolate() error {
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return fmt.Errorf("isolate mounts: %w", err)
	}
	if outer := os.Getenv(OuterVariable); outer == "" || outer == own {
		return errors.New("isolate mounts: this is not a mount namespace of our own")
	}
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("isolate mounts: make / a slave: %w", err)
	}
	return nil
}

// Unshare moves the calling thread into a new mount namespace. Only the thread moves, so the caller locks it and then executes a program
// (execve(2) keeps the namespace of the calling thread).
func Unshare() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mount namespace: %w", err)
	}
	return nil
}

// EnsureTmpfs mounts a tmpfs at dir unless one is mounted there, and makes dir. The layers need it: a mask below / is refused by the
// kernel, and an idmapped clone must hold nothing but layers. Idempotent; it says whether it mounted. The mode is 0711: liblxc walks
// through as the container's root. Must run in the host's mount namespace to be of use to later commands.
func EnsureTmpfs(dir string) (bool, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return false, fmt.Errorf("make %s: %w", dir, err)
	}
	at, err := isTmpfsRoot(dir)
	if err != nil || at {
		return false, err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	if err := unix.Mount("sysctr", dir, "tmpfs", flags, "mode=0711,size=25%,nr_inodes=1m"); err != nil {
		return false, fmt.Errorf("mount a tmpfs at %s: %w", dir, err)
	}
	return true, nil
}

// RemoveTmpfs unmounts what EnsureTmpfs mounted. Nothing mounted there is not an error.
func RemoveTmpfs(dir string) error {
	at, err := isTmpfsRoot(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && !at) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := unix.Unmount(dir, unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// isTmpfsRoot says whether dir is itself the root of a mounted tmpfs.
func isTmpfsRoot(dir string) (bool, error) {
	var stx unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &stx); err != nil {
		return false, fmt.Errorf("look at %s: %w", dir, err)
	}
	if stx.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return false, fmt.Errorf("look at %s: the kernel does not say what is a mount point (needs Linux 5.8)", dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return false, fmt.Errorf("look at %s: %w", dir, err)
	}
	return stx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Type == unix.TMPFS_MAGIC, nil
}
