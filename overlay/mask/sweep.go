package mask

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	newPrefix   = ".new-"
	trashPrefix = ".trash-"
	// grace is how long a generation or a leftover is safe after it was made: somebody may just have got it and not mounted it yet.
	grace = time.Minute
)

// Sweep removes the generations that nobody uses, and what interrupted runs left. inUse are paths of sets in use, or paths in them. The
// newest generation of each key stays, and so does everything younger than a minute. It is idempotent, and may run while others Get.
func (c Cache) Sweep(inUse []string) error {
	keys, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range keys {
		if k.IsDir() {
			errs = append(errs, sweepKey(filepath.Join(c.Dir, k.Name()), inUse))
		}
	}
	return errors.Join(errs...)
}

func sweepKey(dir string, inUse []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	numbers, err := generations(dir)
	if err != nil {
		return err
	}
	newest := strconv.Itoa(slices.Max(append(numbers, 0)))
	var errs []error
	for _, e := range entries {
		if e.Name() == newest || !old(e) || used(filepath.Join(dir, e.Name()), inUse) {
			continue
		}
		errs = append(errs, discard(dir, e.Name(), numbers))
	}
	return errors.Join(errs...)
}

// old reports whether e was made more than grace ago; one that is just going away is not.
func old(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > grace
}

// used reports whether one of the paths in use is gen or lies in it.
func used(gen string, inUse []string) bool {
	return slices.ContainsFunc(inUse, func(p string) bool {
		p = filepath.Clean(p)
		return p == gen || strings.HasPrefix(p, gen+"/")
	})
}

// discard removes a generation, whose number must not stand for half of it, or a leftover. What is not ours stays.
func discard(dir, name string, numbers []int) error {
	at := filepath.Join(dir, name)
	if n, err := strconv.Atoi(name); err == nil && slices.Contains(numbers, n) {
		trash := filepath.Join(dir, trashPrefix+name)
		if err := os.RemoveAll(trash); err != nil {
			return err
		}
		if err := os.Rename(at, trash); err != nil {
			return err
		}
		return os.RemoveAll(trash)
	}
	if strings.HasPrefix(name, newPrefix) || strings.HasPrefix(name, trashPrefix) {
		return os.RemoveAll(at)
	}
	return nil
}
