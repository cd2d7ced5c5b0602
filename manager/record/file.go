package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// WriteFile replaces the file at path by one with this content and exactly this mode, durably and atomically: a temporary file beside it,
// fsync, rename, fsync of the directory. If path is a symbolic link, the link is replaced.
//
// On an error the old file is intact and the temporary one is gone. The one exception is an error of the last step, when the new file is in
// place but might not survive a power cut; the error says so. A crash can leave the temporary file, whose name begins with a dot; a later
// WriteFile of the same path takes it away when it is a minute old and so nobody's any more, and RemoveTemps at once.
func WriteFile(path string, content []byte, mode os.FileMode) error {
	return writeFile(path, content, mode, true)
}

// writeFile is WriteFile; without durable it leaves out the fsyncs, for file systems that do not survive a crash anyway or are synced as a
// whole.
func writeFile(path string, content []byte, mode os.FileMode, durable bool) error {
	if err := sweepTemps(path, time.Minute); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	temp := filepath.Join(filepath.Dir(path), tempPrefix(path)+randomHex(8))
	err := writeTemp(temp, content, mode, durable)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		if errRemove := os.Remove(temp); errRemove != nil && !errors.Is(errRemove, os.ErrNotExist) {
			err = errors.Join(err, errRemove)
		}
		return fmt.Errorf("write %s: %w", path, err)
	}
	if !durable {
		return nil
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: it is in place, but may not survive a power cut: %w", path, err)
	}
	return nil
}

func writeTemp(temp string, content []byte, mode os.FileMode, durable bool) error {
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Chmod(mode) // not through open: the umask would change it
	}
	if err == nil && durable {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// tempPrefix begins the names of temporary files for path.
func tempPrefix(path string) string { return "." + filepath.Base(path) + ".tmp-" }

// RemoveTemps removes temporary files that a crash left beside path. Nobody else may be writing it.
func RemoveTemps(path string) error { return sweepTemps(path, 0) }

// sweepTemps is RemoveTemps for files of this age and older.
func sweepTemps(path string, age time.Duration) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), tempPrefix(path)) {
			continue
		}
		info, infoErr := entry.Info()
		if infoErr == nil && time.Since(info.ModTime()) < age || errors.Is(infoErr, os.ErrNotExist) {
			continue // whoever writes it has not finished, or just has
		}
		if removeErr := os.Remove(filepath.Join(filepath.Dir(path), entry.Name())); !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, infoErr, removeErr)
		}
	}
	return err
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// syncFS makes everything durable that was written to the file system of path.
func syncFS(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(dir.Fd()))
	if err != nil {
		err = fmt.Errorf("syncfs %s: %w", path, err)
	}
	return errors.Join(err, dir.Close())
}

// syncTree makes a small tree durable: every file and directory in it. Symbolic links and special files have nothing to sync.
func syncTree(path string) error {
	return filepath.WalkDir(path, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !(entry.IsDir() || entry.Type().IsRegular()) {
			return err
		}
		return syncDir(path)
	})
}

// readRegular reads a file below the open directory dir without following any symbolic link. It returns ErrDamaged for what is no regular
// file or has more than limit bytes, and never blocks on a FIFO or a device.
func readRegular(dir *os.File, path string, limit int64) ([]byte, error) {
	fd, err := unix.Openat2(int(dir.Fd()), path, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOTDIR) { // a link, a socket, a file above
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	content, err := readOpen(file, limit)
	return content, errors.Join(err, file.Close())
}

func readOpen(file *os.File, limit int64) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrDamaged, limit)
	}
	return content, err
}
