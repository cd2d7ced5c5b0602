package beneath

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Access is who owns an entry and what they may do.
type Access struct {
	UID, GID uint32 // as on disk, of the initial user namespace
	Mode     uint32 // the lower twelve bits
}

// TempPrefix begins the names of the temporary files that WriteFile makes; a crash can leave one.
const TempPrefix = ".sysctr-tmp-"

// Mkdir makes the directory rel with exactly this owner and mode, whatever the umask and the ACL of its parent say. The error wraps
// fs.ErrExist if there is anything. A crash can leave it as root's, with mode 0700.
func (d *Dir) Mkdir(rel string, a Access) error {
	dir, name, done, err := d.parent(rel)
	if err != nil {
		return d.fail("make", rel, err)
	}
	defer done()
	if err := unix.Mkdirat(dir, name, 0o700); err != nil {
		return d.fail("make", rel, err)
	}
	fd, err := openat2(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return d.fail("make", rel, err)
	}
	return d.fail("make", rel, errors.Join(give(fd, a), unix.Close(fd)))
}

// give sets owner and mode, in this order: a change of the owner clears the set-id bits.
func give(fd int, a Access) error {
	if err := unix.Fchown(fd, int(a.UID), int(a.GID)); err != nil {
		return err
	}
	return unix.Fchmod(fd, a.Mode&0o7777)
}

// Create makes the new regular file rel with exactly this owner and mode and opens it for writing. The caller closes it. The error wraps
// fs.ErrExist if there is anything, be it a link that leads nowhere.
func (d *Dir) Create(rel string, a Access) (*os.File, error) {
	if err := check(rel); err != nil {
		return nil, err
	}
	fd, err := openat2(d.fd(), rel, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, d.fail("make", rel, err)
	}
	file := os.NewFile(uintptr(fd), d.path+"/"+rel)
	if err := give(fd, a); err != nil {
		return nil, errors.Join(d.fail("make", rel, err), file.Close())
	}
	return file, nil
}

// WriteFile makes rel a new regular file with this content, owner and mode, in one step and durably: a temporary file beside it, fsync,
// rename, fsync of the directory. What has the name is replaced, a link as such; a directory is refused. On an error what was there is
// intact, but for the last step: then the new file is in place and might not survive a power cut.
func (d *Dir) WriteFile(rel string, content []byte, a Access) error {
	dir, name, done, err := d.parent(rel)
	if err != nil {
		return d.fail("write", rel, err)
	}
	defer done()
	temp, err := tempName()
	if err != nil {
		return err
	}
	err = writeTemp(dir, temp, content, a)
	if err == nil {
		err = unix.Renameat(dir, temp, dir, name)
	}
	if err != nil {
		return d.fail("write", rel, errors.Join(err, skipMissing(unix.Unlinkat(dir, temp, 0))))
	}
	if err := unix.Fsync(dir); err != nil {
		return fmt.Errorf("write %s: it is in place, but may not survive a power cut: %w", d.show(rel), err)
	}
	return nil
}

func tempName() (string, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("choose a temporary name: %w", err)
	}
	return TempPrefix + hex.EncodeToString(random[:]), nil
}

func writeTemp(dir int, temp string, content []byte, a Access) error {
	fd, err := openat2(dir, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), temp)
	_, err = file.Write(content)
	if err == nil {
		err = give(fd, a)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Rename moves the entry from in d to the name to in other, which may be d. Nothing is ever replaced: if there is anything, the error wraps
// fs.ErrExist and nothing has changed (renameat2(2), RENAME_NOREPLACE). Both must lie on one mount, else the error wraps ErrMounted.
func (d *Dir) Rename(from string, other *Dir, to string) error {
	source, old, done, err := d.parent(from)
	if err != nil {
		return d.fail("move", from, err)
	}
	defer done()
	target, name, done, err := other.parent(to)
	if err != nil {
		return other.fail("move to", to, err)
	}
	defer done()
	err = unix.Renameat2(source, old, target, name, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EEXIST) {
		return other.fail("move to", to, err)
	}
	return d.fail("move", from, err)
}

// Remove removes the entry rel: a file, a link as such, or an empty directory. It is no error if there is nothing.
func (d *Dir) Remove(rel string) error {
	dir, name, done, err := d.parent(rel)
	if err != nil {
		return skipMissing(d.fail("remove", rel, err))
	}
	defer done()
	err = unix.Unlinkat(dir, name, 0)
	if errors.Is(err, unix.EISDIR) {
		err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
	return skipMissing(d.fail("remove", rel, err))
}

// Sync makes the names in d durable, not what they stand for.
func (d *Dir) Sync() error { return d.fail("sync", ".", d.file.Sync()) }
