package delta

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
)

const (
	reserveDir = "reserve"
	ballast    = "ballast"
	maxInodes  = 1 << 14
)

// Reserve is what is set aside for a delta on a filesystem that others can fill. A full filesystem cannot even mount an overlay (it makes a
// directory in work), so without it a full container could be neither restarted nor cleaned.
type Reserve struct {
	Bytes  int64 // in one file, allocated and not only claimed
	Inodes int   // as many empty files
}

// Reserve sets aside what r says, in a directory beside upper: idempotent, and called again after Release it renews. What is there already
// counts; more is given back. If the filesystem has not twice as much as is missing, the error wraps ErrNoRoom and nothing has changed; so
// it does if it runs full meanwhile, and then less may be set aside than before.
func (d *Delta) Reserve(r Reserve) error {
	if r.Bytes < 0 || r.Inodes < 0 || r.Inodes > maxInodes {
		return fmt.Errorf("set aside %d bytes and %d inodes: out of bounds (at most %d inodes)", r.Bytes, r.Inodes, maxInodes)
	}
	have, names, err := d.reserved()
	if err != nil {
		return err
	}
	if err := d.room(Reserve{Bytes: r.Bytes - have.Bytes, Inodes: r.Inodes - have.Inodes}); err != nil {
		return err
	}
	if err := d.dir.Mkdir(reserveDir, beneath.Access{Mode: 0o700}); err != nil && !exists(err) {
		return noRoom(err)
	}
	dir, err := d.dir.Sub(reserveDir)
	if err != nil {
		return err
	}
	err = setInodes(dir, names, r.Inodes)
	if err == nil {
		err = setBallast(dir, r.Bytes)
	}
	return errors.Join(noRoom(err), dir.Close())
}

// Reserved returns what is set aside; zero if nothing is.
func (d *Delta) Reserved() (Reserve, error) {
	have, _, err := d.reserved()
	return have, err
}

// Release gives everything back; idempotent. It needs no space. The next Reserve takes it again, once there is some.
func (d *Delta) Release(ctx context.Context) error { return d.dir.RemoveTree(ctx, reserveDir) }

func (d *Delta) reserved() (have Reserve, names []string, err error) {
	err = d.dir.Readdir(reserveDir, func(batch []string) error {
		names = append(names, batch...)
		return nil
	})
	if err != nil {
		return Reserve{}, nil, skipMissing(err)
	}
	have.Inodes = len(names)
	if info, err := d.dir.Lstat(path.Join(reserveDir, ballast)); err == nil {
		have = Reserve{Bytes: min(info.Disk, info.Size), Inodes: len(names) - 1}
	}
	return have, names, nil
}

// room refuses to take the last of a filesystem: a reserve that fills it is none.
func (d *Delta) room(missing Reserve) error {
	space, err := d.dir.Space()
	if err != nil {
		return err
	}
	if missing.Bytes > 0 && space.Available/2 < missing.Bytes {
		return fmt.Errorf("%w: %d bytes are missing and %d free", ErrNoRoom, missing.Bytes, space.Available)
	}
	if missing.Inodes > 0 && space.Inodes >= 0 && space.Inodes/2 < int64(missing.Inodes) {
		return fmt.Errorf("%w: %d inodes are missing and %d free", ErrNoRoom, missing.Inodes, space.Inodes)
	}
	return nil
}

func noRoom(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %v", ErrNoRoom, err)
	}
	return err
}

// setInodes makes the empty files 0 to n-1 and removes whatever else is there but the ballast.
func setInodes(dir *beneath.Dir, names []string, n int) error {
	have := make(map[string]bool, len(names))
	for _, name := range names {
		number, err := strconv.Atoi(name)
		if name == ballast || err == nil && number >= 0 && number < n && strconv.Itoa(number) == name {
			have[name] = true
			continue
		}
		if err := dir.Remove(name); err != nil {
			return err
		}
	}
	for i := range n {
		if name := strconv.Itoa(i); !have[name] {
			file, err := dir.Create(name, beneath.Access{Mode: 0o600})
			if err != nil {
				return err
			}
			if err := file.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// setBallast makes the ballast have this many bytes; one of another size, or with holes, is made anew.
func setBallast(dir *beneath.Dir, size int64) error {
	info, err := dir.Lstat(ballast)
	if err == nil && info.IsRegular() && info.Size == size && info.Disk >= size {
		return nil
	}
	if err := dir.Remove(ballast); err != nil || size == 0 {
		return err
	}
	file, err := dir.Create(ballast, beneath.Access{Mode: 0o600})
	if err != nil {
		return err
	}
	err = allocate(file, size)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, dir.Remove(ballast))
	}
	return nil
}

// allocate gives an empty file real blocks. Where the filesystem cannot do that by itself it is filled with what cannot be compressed.
func allocate(file *os.File, size int64) error {
	err := unix.Fallocate(int(file.Fd()), 0, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	block := make([]byte, 1<<20)
	for written := int64(0); written < size; {
		if _, err := rand.Read(block); err != nil {
			return err
		}
		n, err := file.Write(block[:min(int64(len(block)), size-written)])
		if err != nil {
			return err
		}
		written += int64(n)
	}
	return file.Sync()
}
