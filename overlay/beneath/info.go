package beneath

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Info is what the kernel says of an entry, see inode(7).
type Info struct {
	Mode     uint32 // type and permissions, as in st_mode
	UID, GID uint32 // as on disk, of the initial user namespace
	Size     int64  // apparent bytes; of a link, the length of its target
	Disk     int64  // bytes allocated on disk
	Links    uint64 // names of the same file; of a directory, something of the filesystem's own
	Dev, Ino uint64 // identify the file while it exists
	Device   uint64 // of a device node, its number (makedev(3))
	Modified time.Time
}

// IsDir reports whether it is a directory.
func (i Info) IsDir() bool { return i.Mode&unix.S_IFMT == unix.S_IFDIR }

// IsRegular reports whether it is a regular file.
func (i Info) IsRegular() bool { return i.Mode&unix.S_IFMT == unix.S_IFREG }

// Type returns the type bits of the mode (unix.S_IFREG and so on).
func (i Info) Type() uint32 { return i.Mode & unix.S_IFMT }

// Permissions returns the lower twelve bits of the mode.
func (i Info) Permissions() uint32 { return i.Mode & 0o7777 }

// Same reports whether both are the same file.
func (i Info) Same(o Info) bool { return i.Dev == o.Dev && i.Ino == o.Ino }

func infoOf(st *unix.Stat_t) Info {
	return Info{
		Mode: st.Mode, UID: st.Uid, GID: st.Gid, Size: st.Size, Disk: st.Blocks * 512,
		Links: uint64(st.Nlink), Dev: uint64(st.Dev), Ino: st.Ino, Device: uint64(st.Rdev), //nolint:unconvert // the same
		Modified: time.Unix(st.Mtim.Unix()),
	}
}

// Lstat returns what rel is, a link as such. The error wraps fs.ErrNotExist if there is nothing.
func (d *Dir) Lstat(rel string) (Info, error) {
	if rel != "." && strings.IndexByte(rel, '/') < 0 && check(rel) == nil {
		return d.lstatName(rel)
	}
	return d.lstatPath(rel)
}

func (d *Dir) lstatPath(rel string) (Info, error) {
	h, err := d.handle(rel)
	if err != nil {
		return Info{}, d.fail("look at", rel, err)
	}
	defer h.close()
	info, err := h.stat()
	return info, d.fail("look at", rel, err)
}

// Readlink returns the target of the symbolic link rel, which is any text. What is no link gives an error that wraps fs.ErrInvalid.
func (d *Dir) Readlink(rel string) (string, error) {
	h, err := d.handle(rel)
	if err != nil {
		return "", d.fail("read the link", rel, err)
	}
	defer h.close()
	if info, err := h.stat(); err != nil || info.Type() != unix.S_IFLNK {
		return "", fmt.Errorf("read the link %s: it is none: %w", d.show(rel), fs.ErrInvalid)
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(h), "", target)
	if err != nil {
		return "", d.fail("read the link", rel, err)
	}
	return string(target[:n]), nil
}

// Space is what is free on a filesystem.
type Space struct {
	Bytes     int64 // for root
	Available int64 // bytes for everybody else; less, where the filesystem keeps some for root
	Inodes    int64 // -1 where the filesystem has no fixed number of them
}

// Space returns what is free on the filesystem of d.
func (d *Dir) Space() (Space, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(d.fd(), &st); err != nil {
		return Space{}, d.fail("ask for the free space of", ".", err)
	}
	s := Space{Bytes: int64(st.Bfree) * st.Bsize, Available: int64(st.Bavail) * st.Bsize, Inodes: int64(st.Ffree)}
	if st.Files == 0 {
		s.Inodes = -1
	}
	return s, nil
}

// lstatName is Lstat of a single name in d, in one call to the kernel. A name without a slash leads nowhere, but to what is mounted on it.
func (d *Dir) lstatName(name string) (Info, error) {
	var st unix.Statx_t
	err := unix.Statx(d.fd(), name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT, unix.STATX_BASIC_STATS, &st)
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return d.lstatPath(name) // before Linux 5.8 it does not say whether it is a mount point
	}
	if err == nil && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		err = unix.EXDEV
	}
	if err != nil {
		return Info{}, d.fail("look at", name, err)
	}
	return Info{
		Mode: uint32(st.Mode), UID: st.Uid, GID: st.Gid, Size: int64(st.Size), Disk: int64(st.Blocks) * 512,
		Links: uint64(st.Nlink), Dev: unix.Mkdev(st.Dev_major, st.Dev_minor), Ino: st.Ino, Device: unix.Mkdev(st.Rdev_major, st.Rdev_minor),
		Modified: time.Unix(st.Mtime.Sec, int64(st.Mtime.Nsec)),
	}, nil
}
