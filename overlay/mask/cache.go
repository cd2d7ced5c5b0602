package mask

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Cache keeps written masks and commons while the host they were made from stays as it was.
//
// On disk a key is a directory "RULES-SHIFT" (with a digest of the mount points, if any) that holds numbered generations; a generation
// holds mask/, sealed/common/ and inputs.json. All directories but the layers' own are 0711, and sealed is 0700: common may hold copies of
// setuid programs, which users of the host must not find there after the host's own were patched.
type Cache struct {
	Dir  string // on a tmpfs of sysctr's own, as /run/sysctr/mask; made if it is missing
	Root string // the host's root, "/" in production
}

// Set is a generation. Its directories never change; they are there at least until Sweep is told that they are not in use.
type Set struct {
	Mask, Common string
	Copies       []string // see Layers
	Shown        []string // see Layers
}

const (
	inputsFile  = "inputs.json"
	maxInputs   = 16 << 20 // bytes of it
	maxAttempts = 16       // at publishing, against others that publish too
)

// Get returns the newest generation for the rules, made anew if there is none or if anything that it was made from has changed. mounts are
// the host's further mount points; of these Set.Shown may get a stack. Several processes may call it at once: one that comes second with a
// new generation uses the first one's.
func (c Cache) Get(r Rules, shift Shift, mounts []string) (Set, error) {
	dir := filepath.Join(c.Dir, key(r, shift, mounts))
	if set, ok, err := c.newest(dir); ok || err != nil {
		return set, err
	}
	layers, err := BuildFor(c.Root, r, mounts)
	if err != nil {
		return Set{}, err
	}
	if err := errors.Join(passable(c.Dir), passable(dir)); err != nil {
		return Set{}, fmt.Errorf("make mask cache: %w", err)
	}
	temp, err := writeGeneration(dir, layers, shift)
	if err != nil {
		return Set{}, err
	}
	set, err := c.publish(dir, temp)
	if err != nil {
		return Set{}, errors.Join(err, os.RemoveAll(temp))
	}
	return set, nil
}

// Mounted returns a generation by its path relative to the cache's directory, as it is, however old: what a container was started with. The error
// wraps fs.ErrNotExist if it has been swept.
func (c Cache) Mounted(generation string) (Set, error) {
	if !filepath.IsLocal(generation) {
		return Set{}, fmt.Errorf("%q is no mask below %s", generation, c.Dir)
	}
	gen := filepath.Join(c.Dir, generation)
	s, err := readInputs(gen)
	return s.set(gen), err
}

// passable makes the directory, if it is missing, so that others can pass but not list it, whatever the umask.
func passable(dir string) error {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return err
	}
	return os.Chmod(dir, 0o711) // others must reach the masks: they are read with credentials that own nothing
}

// key names the directory of generations for these arguments.
func key(r Rules, shift Shift, mounts []string) string {
	k := r.Key() + "-" + strconv.FormatUint(uint64(shift.Base), 10)
	if len(mounts) > 0 {
		k += "-" + digest([]byte(strings.Join(quoted(mounts), " ")))
	}
	return k
}

// newest returns the highest generation in dir if it is whole and fresh.
func (c Cache) newest(dir string) (Set, bool, error) {
	numbers, err := generations(dir)
	if err != nil || len(numbers) == 0 {
		return Set{}, false, err
	}
	gen := filepath.Join(dir, strconv.Itoa(slices.Max(numbers)))
	s, err := readInputs(gen)
	if err != nil || !allFresh(c.Root, s.Inputs) {
		return Set{}, false, nil //nolint:nilerr // an unreadable one is made anew, under the next number
	}
	return s.set(gen), true, nil
}

// publish gives the generation in temp the next number. If somebody else took that number, theirs is used if it is fresh.
func (c Cache) publish(dir, temp string) (Set, error) {
	for range maxAttempts {
		numbers, err := generations(dir)
		if err != nil {
			return Set{}, err
		}
		next := filepath.Join(dir, strconv.Itoa(1+slices.Max(append(numbers, 0))))
		s, err := readInputs(temp)
		if err != nil {
			return Set{}, err
		}
		err = unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, next, unix.RENAME_NOREPLACE)
		if err == nil {
			return s.set(next), nil
		}
		if !errors.Is(err, unix.EEXIST) && !errors.Is(err, unix.ENOTEMPTY) {
			return Set{}, &os.PathError{Op: "publish mask", Path: next, Err: err}
		}
		if set, ok, err := c.newest(dir); ok || err != nil {
			return set, errors.Join(err, os.RemoveAll(temp))
		}
	}
	return Set{}, fmt.Errorf("publish mask in %s: others were faster %d times; try again", dir, maxAttempts)
}

// generations returns the numbers in dir; none if dir is missing.
func generations(dir string) ([]int, error) {
	names, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list masks: %w", err)
	}
	var all []int
	for _, e := range names {
		if n, err := strconv.Atoi(e.Name()); err == nil && n > 0 && strconv.Itoa(n) == e.Name() {
			all = append(all, n)
		}
	}
	return all, nil
}

// writeGeneration writes the layers into a new directory without a number.
func writeGeneration(dir string, l Layers, shift Shift) (temp string, err error) {
	temp, err = os.MkdirTemp(dir, newPrefix)
	if err != nil {
		return "", fmt.Errorf("make mask generation: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temp))
		}
	}()
	if err := os.Mkdir(filepath.Join(temp, "sealed"), 0o700); err != nil {
		return "", err
	}
	if err := Write(filepath.Join(temp, "mask"), l.Mask, shift); err != nil {
		return "", err
	}
	if err := Write(filepath.Join(temp, "sealed", "common"), l.Common, shift); err != nil {
		return "", err
	}
	if err := writeInputs(temp, l); err != nil {
		return "", err
	}
	return temp, passable(temp)
}

// stored is inputs.json.
type stored struct {
	Copies []string       `json:"copies,omitempty"`
	Shown  []string       `json:"shown,omitempty"`
	Raw    map[int][]byte `json:"raw,omitempty"` // paths of inputs that are no UTF-8, by index
	Inputs []Input        `json:"inputs"`
}

func (s stored) set(gen string) Set {
	return Set{
		Mask: filepath.Join(gen, "mask"), Common: filepath.Join(gen, "sealed", "common"),
		Copies: s.Copies, Shown: s.Shown,
	}
}

func writeInputs(gen string, l Layers) error {
	s := stored{Copies: l.Copies, Shown: l.Shown, Raw: map[int][]byte{}, Inputs: slices.Clone(l.Inputs)}
	for i, in := range s.Inputs {
		if !utf8.ValidString(in.Path) {
			s.Raw[i], s.Inputs[i].Path = []byte(in.Path), ""
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(gen, inputsFile), text)
}

func readInputs(gen string) (stored, error) {
	var s stored
	name := filepath.Join(gen, inputsFile)
	text, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	if len(text) > maxInputs {
		return s, fmt.Errorf("%s is larger than %d bytes", name, maxInputs)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", name, err)
	}
	for i, raw := range s.Raw {
		if i < 0 || i >= len(s.Inputs) {
			return s, fmt.Errorf("read %s: it has a path without an input", name)
		}
		s.Inputs[i].Path = string(raw)
	}
	if len(s.Inputs) == 0 {
		return s, fmt.Errorf("read %s: it has no inputs", name)
	}
	return s, nil
}
