package mask

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const canaryPrefix = "canary-"

// Canary is a pair of new files in a directory of the host that containers see: one sealed (0600), one that everybody may read (0644). Its
// methods may be used by several goroutines at once.
type Canary struct {
	root, rel string // the directory is root/rel
	name      string
	content   []byte
	lock      *os.File // the sealed file, locked for as long as its planter lives
}

// Plant makes a canary in the absolute directory dir of the host, which is made (0755) if only its last component is missing. The caller
// removes it. It needs the right to write there.
func Plant(dir string) (Canary, error) { return PlantBelow("/", strings.TrimPrefix(dir, "/")) }

// PlantBelow is Plant for a host whose root is not "/"; rel is relative to root.
func PlantBelow(root, rel string) (Canary, error) {
	if !clean(rel) {
		return Canary{}, fmt.Errorf("plant canary: %q is not a clean path", rel)
	}
	c := Canary{root: root, rel: rel, content: make([]byte, 32)}
	if _, err := rand.Read(c.content); err != nil {
		return Canary{}, fmt.Errorf("plant canary: %w", err)
	}
	c.name = canaryPrefix + hex.EncodeToString(c.content[:8])
	c.content = []byte(hex.EncodeToString(c.content) + "\n")
	dir := filepath.Join(root, rel)
	if err := os.Mkdir(dir, 0o700); err == nil {
		if err := os.Chmod(dir, 0o755); err != nil { // the directory is there to be seen
			return Canary{}, fmt.Errorf("plant canary: %w", err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return Canary{}, fmt.Errorf("plant canary: %w; run sysctr host init", err)
	}
	if err := c.plantBoth(); err != nil {
		return Canary{}, errors.Join(fmt.Errorf("plant canary: %w", err), c.Remove())
	}
	return c, nil
}

// plantBoth makes the sealed file first. It is locked before it has its name: by the lock SweepCanaries knows that the pair is in use.
func (c *Canary) plantBoth() (err error) {
	if c.lock, err = c.plant(c.sealed(), 0o600, unix.LOCK_EX); err != nil {
		return err
	}
	twin, err := c.plant(c.twin(), 0o644, unix.LOCK_SH)
	if err != nil {
		return err
	}
	return twin.Close()
}

func (c *Canary) sealed() string { return c.name + ".sealed" }
func (c *Canary) twin() string   { return c.name + ".twin" }

// plant makes a file that is whole and locked when it appears (O_TMPFILE, open(2)).
func (c *Canary) plant(name string, mode os.FileMode, lock int) (_ *os.File, err error) {
	dir := filepath.Join(c.root, c.rel)
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if _, err := f.Write(c.content); err != nil {
		return nil, err
	}
	if err := errors.Join(f.Chmod(mode), unix.Flock(int(f.Fd()), lock|unix.LOCK_NB)); err != nil {
		return nil, err
	}
	from := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, filepath.Join(dir, name), unix.AT_SYMLINK_FOLLOW); err != nil {
		return nil, fmt.Errorf("name %s: %w", name, err)
	}
	return f, nil
}

// In returns the canary as it is seen from the stack of a host file system that is mounted at mount (relative to the root); false if it does
// not lie there.
func (c *Canary) In(mount string) (Canary, bool) {
	seen := *c
	mount = strings.TrimPrefix(mount, "/")
	if mount == "." || mount == "" {
		return seen, true
	}
	if !within(c.rel, mount) {
		return Canary{}, false
	}
	seen.root = filepath.Join(c.root, mount)
	seen.rel = strings.TrimPrefix(strings.TrimPrefix(c.rel, mount), "/")
	if seen.rel == "" {
		seen.rel = "."
	}
	return seen, true
}

// Check proves on the layer whose root directory is open as at (O_PATH is enough) that the kernel seals: the 0600 file answers EACCES and its
// twin reads byte for byte. at must be the root of the inner overlay or of an outer one without a used delta: a container may remove the
// canary's directory in its own delta, and must not keep itself from starting by that. The caller may be root, since the inner overlay
// checks with its mounter's credentials. It returns ErrUnsealed if the sealed file opened, ErrUnproven if the layer does not show the
// canary.
func (c *Canary) Check(at int) error {
	fd, err := c.open(at, c.sealed())
	if err == nil {
		return errors.Join(fmt.Errorf("%w: /%s/%s, which only its owner may read, could be opened", ErrUnsealed, c.rel, c.sealed()), unix.Close(fd))
	}
	if !errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w: open sealed /%s/%s: %w instead of EACCES", ErrUnproven, c.rel, c.sealed(), err)
	}
	fd, err = c.open(at, c.twin())
	if err != nil {
		return fmt.Errorf("%w: open readable /%s/%s: %w", ErrUnproven, c.rel, c.twin(), err)
	}
	f := os.NewFile(uintptr(fd), c.twin())
	defer f.Close()
	got, err := io.ReadAll(io.LimitReader(f, int64(len(c.content))+1))
	if err != nil {
		return fmt.Errorf("%w: read /%s/%s: %w", ErrUnproven, c.rel, c.twin(), err)
	}
	if !bytes.Equal(got, c.content) {
		return fmt.Errorf("%w: /%s/%s has other content than on the host", ErrUnproven, c.rel, c.twin())
	}
	return nil
}

func (c *Canary) open(at int, name string) (int, error) {
	return unix.Openat2(at, c.rel+"/"+name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// Remove takes the canary's files away; what is already gone is no error.
func (c *Canary) Remove() error {
	var errs []error
	for _, name := range []string{c.sealed(), c.twin()} {
		if err := os.Remove(filepath.Join(c.root, c.rel, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if c.lock != nil {
		if err := c.lock.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SweepCanaries removes the canaries in dir whose planters have ended without removing them, as killed ones do.
func SweepCanaries(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		name, ok := strings.CutPrefix(e.Name(), canaryPrefix)
		base, _, _ := strings.Cut(name, ".")
		if !ok || planted(filepath.Join(dir, canaryPrefix+base+".sealed")) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// planted reports whether somebody holds the lock of a sealed file. Of what cannot be asked it says yes.
func planted(sealed string) bool {
	f, err := os.OpenFile(sealed, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil {
		return true
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}
