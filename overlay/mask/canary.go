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
	"time"

	"golang.org/x/sys/unix"
)

const canaryPrefix = "canary-"

// Canary is a pair of new files in a directory of the host that containers see: one sealed (0600), one that everybody may read (0644). Its
// methods may be used by several goroutines at once.
type Canary struct {
	root, rel string // the directory is root/rel
	name      string
	content   []byte
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
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the directory is there to be seen
			return Canary{}, fmt.Errorf("plant canary: %w", err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return Canary{}, fmt.Errorf("plant canary: %w; run sysctr host init", err)
	}
	if err := errors.Join(c.plant(c.sealed(), 0o600), c.plant(c.twin(), 0o644)); err != nil {
		return Canary{}, errors.Join(fmt.Errorf("plant canary: %w", err), c.Remove())
	}
	return c, nil
}

func (c Canary) sealed() string { return c.name + ".sealed" }
func (c Canary) twin() string   { return c.name + ".twin" }

func (c Canary) plant(name string, mode os.FileMode) error {
	at := filepath.Join(c.root, c.rel, name)
	f, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(c.content)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// In returns the canary as it is seen from the stack of a host file system that is mounted at mount (relative to the root); false if it does
// not lie there.
func (c Canary) In(mount string) (Canary, bool) {
	mount = strings.TrimPrefix(mount, "/")
	if mount == "." || mount == "" {
		return c, true
	}
	if !within(c.rel, mount) {
		return Canary{}, false
	}
	c.root = filepath.Join(c.root, mount)
	c.rel = strings.TrimPrefix(strings.TrimPrefix(c.rel, mount), "/")
	if c.rel == "" {
		c.rel = "."
	}
	return c, true
}

// Check proves on the layer whose root directory is open as at (O_PATH is enough) that the kernel seals: the 0600 file answers EACCES and its
// twin reads byte for byte. at must be the root of the inner overlay or of an outer one without a used delta: a container may remove the
// canary's directory in its own delta, and must not keep itself from starting by that. The caller may be root, since the inner overlay
// checks with its mounter's credentials. It returns ErrUnsealed if the sealed file opened, ErrUnproven if the layer does not show the
// canary.
func (c Canary) Check(at int) error {
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

func (c Canary) open(at int, name string) (int, error) {
	return unix.Openat2(at, c.rel+"/"+name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
}

// Remove takes the canary's files away; what is already gone is no error.
func (c Canary) Remove() error {
	var errs []error
	for _, name := range []string{c.sealed(), c.twin()} {
		if err := os.Remove(filepath.Join(c.root, c.rel, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// SweepCanaries removes canaries in dir that were planted more than age ago and never removed, as those of killed processes.
func SweepCanaries(dir string, age time.Duration) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !strings.HasPrefix(e.Name(), canaryPrefix) || time.Since(info.ModTime()) < age {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
