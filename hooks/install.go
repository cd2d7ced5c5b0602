package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrTheirs means that a drop-in was written or edited by somebody else and was left alone.
var ErrTheirs = errors.New("is not as sysctr wrote it")

// Installs says whether Install would change anything, given what Look found.
func (s State) Installs(force bool) bool {
	return s == Absent || s == Outdated || s.Theirs() && force
}

// Removes says whether Remove would change anything, given what Look found.
func (s State) Removes(force bool) bool {
	return s == Current || s == Outdated || s.Theirs() && force
}

// Install writes the drop-in below the host's root if the host has its program, and says whether that changed anything. What is somebody
// else's is replaced only with force; without it the error wraps ErrTheirs. The file is replaced atomically; the call is idempotent.
func Install(root string, d DropIn, force bool) (changed bool, err error) {
	state, err := Look(root, d)
	if err != nil {
		return false, err
	}
	if !state.Installs(force) {
		return false, theirs(state, d)
	}
	if err := write(filepath.Join(root, d.Path), d.Text, d.Mode); err != nil {
		return false, fmt.Errorf("write the drop-in: %w", err)
	}
	return true, nil
}

// Remove deletes the drop-in below the host's root and says whether there was one. What is somebody else's is deleted only with force;
// without it the error wraps ErrTheirs. A directory that only sysctr needs goes too when it is empty. It is idempotent.
func Remove(root string, d DropIn, force bool) (changed bool, err error) {
	state, err := Look(root, d)
	if err != nil {
		return false, err
	}
	path := filepath.Join(root, d.Path)
	if err := gone(os.Remove(pending(path))); err != nil {
		return false, fmt.Errorf("remove what an interrupted install left: %w", err)
	}
	if !state.Removes(force) {
		return false, theirs(state, d)
	}
	if err := gone(os.Remove(path)); err != nil {
		return false, fmt.Errorf("remove the drop-in: %w", err)
	}
	if d.Needs != filepath.Dir(d.Path) {
		err = gone(os.Remove(filepath.Dir(path)))
	}
	return true, err
}

func theirs(s State, d DropIn) error {
	if s.Theirs() {
		return fmt.Errorf("%s %w", d.Path, ErrTheirs)
	}
	return nil
}

// gone takes away errors of removing what is not there, and of a directory that is in use.
func gone(err error) error {
	for _, harmless := range []error{fs.ErrNotExist, unix.ENOTDIR, unix.ENOTEMPTY} {
		if errors.Is(err, harmless) {
			return nil
		}
	}
	return err
}

// pending is where a drop-in is written before it takes its place. No program reads names that begin with a dot; the name is fixed, so that
// what an interrupted call leaves is overwritten.
func pending(path string) string {
	return filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
}

// write replaces the file at path: a temporary file, fsync, rename, fsync of the directory.
func write(path, text string, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := gone(os.Remove(pending(path))); err != nil {
		return err
	}
	err := writeSynced(pending(path), text, mode)
	if err == nil {
		err = os.Rename(pending(path), path)
	}
	if err != nil {
		return errors.Join(err, gone(os.Remove(pending(path))))
	}
	return sync(filepath.Dir(path))
}

func writeSynced(path, text string, mode fs.FileMode) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Chmod(mode); err != nil { // whatever the umask
		return err
	}
	if _, err := file.WriteString(text); err != nil {
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
