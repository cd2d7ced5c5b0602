package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	unitDir    = "usr/local/lib/systemd/system"
	dropInDir  = "etc/systemd/system"
	dropInFile = "50-sysctr.conf"
)

// Install writes the unit files below root for a program at binary (see Units) and returns the paths that changed, none if all was right
// before. Each file is replaced atomically; interrupted, the same call finishes. A running systemd learns of it by Reload. Callers take
// turns: two at once on one root may fail.
func Install(root, binary string) (changed []string, err error) {
	files, err := Units(binary)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		path := filepath.Join(root, unitDir, file.Name)
		wrote, err := write(path, file.Data)
		if err != nil {
			return changed, fmt.Errorf("install unit file: %w", err)
		}
		if wrote {
			changed = append(changed, path)
		}
	}
	return changed, nil
}

// Remove deletes the unit files that Install writes below root, with the directories that this leaves empty, and returns
// the paths of the files that were there. Drop-ins and links of containers are not touched: disable the units first. It is idempotent.
func Remove(root string) (removed []string, err error) {
	files, err := Units("/sysctr")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, unitDir)
	for _, file := range files {
		path := filepath.Join(dir, file.Name)
		gone, err := remove(path)
		if err != nil {
			return removed, fmt.Errorf("remove unit file: %w", err)
		}
		if gone {
			removed = append(removed, path)
		}
	}
	return removed, errors.Join(removeEmpty(dir), removeEmpty(filepath.Dir(dir)))
}

// WriteDropIn writes the drop-in of the container name below root and says whether that changed anything. The file is replaced
// atomically and survives a reboot of the host. A running systemd learns of it by Reload. Callers hold the lock of the container.
func WriteDropIn(root, name string, s Settings) (changed bool, err error) {
	data, err := DropIn(s)
	if err != nil {
		return false, err
	}
	changed, err = write(filepath.Join(dropIns(root, name), dropInFile), data)
	if err != nil {
		return false, fmt.Errorf("write drop-in: %w", err)
	}
	return changed, nil
}

// RemoveDropIn deletes the drop-in of the container name below root and says whether there was one. What the operator put beside it
// stays. It is idempotent. Callers hold the lock of the container.
func RemoveDropIn(root, name string) (changed bool, err error) {
	dir := dropIns(root, name)
	changed, err = remove(filepath.Join(dir, dropInFile))
	if err != nil {
		return false, fmt.Errorf("remove drop-in: %w", err)
	}
	return changed, removeEmpty(dir)
}

func dropIns(root, name string) string {
	return filepath.Join(root, dropInDir, Unit(name)+".d")
}

// pending is where a file is written before it takes its place. The name is fixed, so that a leftover is overwritten and never piles up,
// and has no suffix that systemd reads.
func pending(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
}

func write(path string, data []byte) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return false, nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return false, err
	}
	if err := writeSynced(pending(path), data); err != nil {
		return false, errors.Join(err, ignore(os.Remove(pending(path)), fs.ErrNotExist))
	}
	if err := os.Rename(pending(path), path); err != nil {
		return false, errors.Join(err, ignore(os.Remove(pending(path)), fs.ErrNotExist))
	}
	return true, sync(dir)
}

func writeSynced(path string, data []byte) (err error) {
	// Without O_NOFOLLOW, a link planted at the fixed name would be written through.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	return file.Sync()
}

func sync(dir string) (err error) {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Sync()
}

func remove(path string) (gone bool, err error) {
	if err := ignore(os.Remove(pending(path)), fs.ErrNotExist); err != nil {
		return false, err
	}
	err = os.Remove(path)
	return err == nil, ignore(err, fs.ErrNotExist)
}

// removeEmpty removes a directory unless something is left in it.
func removeEmpty(dir string) error {
	return ignore(os.Remove(dir), fs.ErrNotExist, unix.ENOTEMPTY, unix.EEXIST)
}

func ignore(err error, harmless ...error) error {
	for _, h := range harmless {
		if errors.Is(err, h) {
			return nil
		}
	}
	return err
}
