package overlay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"sort"
	"strconv"
	"strings"
)

// ErrOverlayRoot is returned for a host whose root is itself an overlay: the kernel stacks two overlays and no third.
var ErrOverlayRoot = errors.New("the host's root is itself an overlay; sysctr needs a root on a disk filesystem")

// Filesystem is one host filesystem that belongs to the base.
type Filesystem struct {
	Point string // where the host has it mounted, absolute and clean
	Type  string // as in /proc/filesystems
	ID    uint64 // the mount's id in /proc/self/mountinfo
}

// maxMountinfo bounds how much of a mount table is read; 64 KiB hold some 400 mounts.
const maxMountinfo = 16 << 20

// disk lists the filesystem types that can be part of a base: local, with stable inodes, and usable as a lower layer of overlayfs
// (Documentation/filesystems/overlayfs.rst).
func disk(fstype string) bool {
	switch fstype {
	case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "jfs", "reiserfs", "erofs", "squashfs", "nilfs2":
		return true
	}
	return false
}

// visible are the names of / that come from the host; a filesystem mounted elsewhere (/home, /boot, /srv) does not belong to the base.
func visible(point string) bool {
	top, _, _ := strings.Cut(strings.TrimPrefix(point, "/"), "/")
	switch top {
	case "usr", "bin", "sbin", "etc", "var", "opt":
		return true
	}
	return strings.HasPrefix(top, "lib")
}

// Filesystems reads a mount table (the text of /proc/self/mountinfo, proc_pid_mountinfo(5)) and returns the filesystems that belong to
// the base: the root first, then those mounted below the visible top level, parents before children. What is mounted below skip (the
// state directory of sysctr) does not belong. It returns ErrOverlayRoot where the root is an overlay.
func Filesystems(mountinfo []byte, skip ...string) ([]Filesystem, error) {
	last, err := mounts(mountinfo)
	if err != nil {
		return nil, err
	}
	return choose(last, skip)
}

// Unseen reads a mount table and returns, in the order of their points, the filesystems that are mounted where containers see the host and do
// not belong to the base: what is on them is not in any container. It leaves out what lies below skip.
func Unseen(mountinfo []byte, skip ...string) ([]Filesystem, error) {
	last, err := mounts(mountinfo)
	if err != nil {
		return nil, err
	}
	var found []Filesystem
	for point, fs := range last {
		if visible(point) && !below(point, skip) && (!disk(fs.Type) || hiddenByMount(point, last)) {
			found = append(found, fs)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Point < found[j].Point })
	return found, nil
}

// mounts returns what is mounted where.
func mounts(mountinfo []byte) (map[string]Filesystem, error) {
	if len(mountinfo) > maxMountinfo {
		return nil, fmt.Errorf("read the mount table: %d bytes are more than %d", len(mountinfo), maxMountinfo)
	}
	last := map[string]Filesystem{} // a later mount at the same point hides the earlier one
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		fs, err := parseMount(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("read the mount table, line %d: %w", n, err)
		}
		last[fs.Point] = fs
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return last, nil
}

func choose(last map[string]Filesystem, skip []string) ([]Filesystem, error) {
	root, ok := last["/"]
	if !ok {
		return nil, errors.New("the mount table has no root filesystem")
	}
	if root.Type == "overlay" || root.Type == "aufs" {
		return nil, ErrOverlayRoot
	}
	found := []Filesystem{root}
	for point, fs := range last {
		if point != "/" && disk(fs.Type) && visible(point) && !below(point, skip) && !hiddenByMount(point, last) {
			found = append(found, fs)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Point < found[j].Point })
	return found, nil
}

func below(point string, dirs []string) bool {
	for _, dir := range dirs {
		if point == dir || strings.HasPrefix(point, dir+"/") {
			return true
		}
	}
	return false
}

// hiddenByMount says that a filesystem which does not belong (a tmpfs on /var/cache, say) lies between point and the root: what is below
// it is out of reach through the base.
func hiddenByMount(point string, last map[string]Filesystem) bool {
	for dir := path.Dir(point); dir != "/"; dir = path.Dir(dir) {
		if fs, ok := last[dir]; ok && !disk(fs.Type) {
			return true
		}
	}
	return false
}

// parseMount reads one line: "27 1 254:0 / /mnt rw,noatime shared:1 - ext4 /dev/vda rw".
func parseMount(line string) (Filesystem, error) {
	left, right, ok := strings.Cut(line, " - ")
	fields := strings.Fields(left)
	if !ok || len(fields) < 6 || right == "" {
		return Filesystem{}, fmt.Errorf("%q is not a mount", line)
	}
	id, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil {
		return Filesystem{}, fmt.Errorf("mount id %q is not a number", fields[0])
	}
	point, err := unescape(fields[4])
	if err != nil {
		return Filesystem{}, err
	}
	if !path.IsAbs(point) {
		return Filesystem{}, fmt.Errorf("mount point %q is not absolute", point)
	}
	fstype, _, _ := strings.Cut(right, " ")
	return Filesystem{Point: path.Clean(point), Type: fstype, ID: id}, nil
}

// unescape undoes the octal escapes of the mount table (space, tab, newline and backslash are written as \040 and so on).
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+4 > len(s) {
			return "", fmt.Errorf("mount point %q ends in an escape", s)
		}
		c, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return "", fmt.Errorf("mount point %q has a bad escape", s)
		}
		b.WriteByte(byte(c))
		i += 3
	}
	return b.String(), nil
}
