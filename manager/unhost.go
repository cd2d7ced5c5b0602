package manager

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/mount"
)

// RemoveHost takes back what Prepare made, as far as it belongs to nobody else, and returns what is kept. There must be no containers. The
// manager is closed by it.
func (m *Manager) RemoveHost(etc string) (kept []string, err error) {
	if err := m.sweepLeftovers(nil); err != nil {
		return nil, err
	}
	if err := m.locks.Close(); err != nil { // an open file would keep the run directory mounted
		return nil, err
	}
	return removeHost(m.Dirs, m.Pool, etc)
}

// removeHost is the reverse of Prepare. Everything is tried, whatever fails before.
func removeHost(d lxc.Dirs, pool idrange.Pool, etc string) ([]string, error) {
	errs := []error{
		removeGroups(), removeNetwork(d, etc), removeIDs(pool, etc), mount.RemoveTmpfs(d.Run), removeUser(), lxc.RemoveLocks(d),
		removeEmpty(d.Run), removeEmpty(filepath.Join(d.State, "containers")), removeGenerations(d), removeEmpty(d.State), removeEmpty(d.Canary()),
		removeFile(filepath.Join(etc, sysctlFile)),
		removeEmpty(filepath.Join(etc, "sysctr", "profiles")), removeEmpty(filepath.Join(etc, "sysctr")),
	}
	var kept []string
	for _, path := range []string{filepath.Join(etc, "sysctr"), d.State} {
		if _, err := os.Lstat(path); err == nil {
			kept = append(kept, path)
		}
	}
	kept = append(kept, "the distribution's packages", "the raised kernel limits and the routing of packets, until the next boot")
	return kept, errors.Join(errs...)
}

// removeGroups takes away the empty groups above those of containers.
func removeGroups() error {
	layout, err := alive.ReadLayout()
	if err != nil {
		return err
	}
	for _, mount := range layout.Mounts() {
		for _, dir := range []string{"sysctr/c", "sysctr/mon", "sysctr/pivot/lxc.pivot", "sysctr/pivot", "sysctr"} {
			if err := removeEmpty(filepath.Join(mount, dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeGenerations forgets what the host was like when containers started: there are none that would be compared with it.
func removeGenerations(d lxc.Dirs) error { return os.RemoveAll(filepath.Join(d.State, "generations")) }

// removeNetwork takes bridge, rules and names away. What the kernel was told for it to route stays: others may need it by now.
func removeNetwork(d lxc.Dirs, etc string) error {
	w := wires{dirs: d, etc: etc, fabric: kernel{}}
	return errors.Join(w.fabric.Remove(), w.editHosts(nil), removeFile(fixedFile(d)))
}

func removeIDs(pool idrange.Pool, etc string) error {
	var errs []error
	for _, file := range []string{"subuid", "subgid"} {
		path := filepath.Join(etc, file)
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if text, changed := idrange.Unreserve(content, pool); changed {
			errs = append(errs, record.WriteFile(path, text, 0o644))
		}
	}
	return errors.Join(errs...)
}

func removeUser() error {
	if _, err := lxc.Mounter(); err != nil {
		return nil //nolint:nilerr // there is none
	}
	if out, err := exec.Command("userdel", lxc.MounterUser).CombinedOutput(); err != nil { //nolint:noctx // short
		return fmt.Errorf("remove the user %s: %w: %s", lxc.MounterUser, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// removeEmpty removes a directory that nobody put anything into. One that is not there, or not empty, is left.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if entries, readErr := os.ReadDir(dir); readErr == nil && len(entries) > 0 {
		return nil
	}
	return err
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
