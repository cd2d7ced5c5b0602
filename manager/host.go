package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/mount"
	"github.com/sysctr/sysctr/profiles"
)

// Preparation is one thing that the host needs, and whether it had it.
type Preparation struct {
	Name    string
	Changed bool
	Detail  string // what was done, where the name does not say it
	Err     error
}

// Prepare makes the host ready: directories, the run directory's tmpfs, the mounter's user, the id range, kernel limits. Idempotent; it also
// repairs. Everything is tried, whatever fails before. Subnets are what the operator wants of the managed network.
func Prepare(ctx context.Context, d lxc.Dirs, pool idrange.Pool, etc string, subnets profiles.Subnets) []Preparation {
	steps := []struct {
		name string
		do   func() (bool, error)
	}{
		{"directories", func() (bool, error) { return makeDirs(d, etc) }},
		{"run directory", func() (bool, error) { return mount.EnsureTmpfs(d.Run) }},
		{"run directory's content", func() (bool, error) { return false, prepareRun(d) }},
		{"user " + lxc.MounterUser, ensureMounter},
		{"id range", func() (bool, error) { return reserveIDs(pool, etc) }},
		{"overlayfs", ensureOverlayfs},
	}
	done := make([]Preparation, 0, len(steps)+2)
	for _, s := range steps {
		changed, err := s.do()
		done = append(done, Preparation{Name: s.name, Changed: changed, Err: err})
	}
	made, err := wires{dirs: d, etc: etc, fabric: kernel{}}.prepare(ctx, subnets)
	done = append(done, Preparation{Name: "network", Changed: len(made) > 0, Detail: strings.Join(made, ", "), Err: err})
	raised, refused, err := raiseLimits("/", etc)
	return append(done, Preparation{Name: "kernel limits", Changed: len(raised) > 0, Detail: told(raised, refused), Err: err})
}

func makeDirs(d lxc.Dirs, etc string) (bool, error) {
	changed := false
	for _, dir := range []struct {
		path string
		mode os.FileMode
	}{
		{d.State, 0o700},
		{filepath.Join(d.State, "containers"), 0o700},
		{filepath.Join(etc, "sysctr", "profiles"), 0o755},
		{d.Canary(), 0o755},
	} {
		if st, err := os.Stat(dir.path); err == nil && st.Mode().Perm() == dir.mode {
			continue
		}
		if err := errors.Join(os.MkdirAll(dir.path, dir.mode), os.Chmod(dir.path, dir.mode)); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

// prepareRun makes what every command expects below the run directory. The parts that a container's root walks through are open for
// passing, none for looking.
func prepareRun(d lxc.Dirs) error {
	if _, err := mount.EnsureTmpfs(d.Run); err != nil {
		return err
	}
	for _, dir := range []string{d.Path(), filepath.Join(d.Run, "containers")} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(d.Host(), 0o700); err != nil {
		return err
	}
	parser := filepath.Join(d.Path(), "apparmor_parser")
	if _, err := os.Lstat(parser); err == nil {
		return nil
	}
	found, err := exec.LookPath("/usr/sbin/apparmor_parser")
	if err != nil {
		return nil //nolint:nilerr // a host without AppArmor has none
	}
	if err := os.Symlink(found, parser); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// ensureMounter makes the system user that owns nothing, by the distribution's own tool.
func ensureMounter() (bool, error) {
	if _, err := lxc.Mounter(); err == nil {
		return false, nil
	}
	out, err := exec.Command("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", //nolint:noctx // short
		"--shell", "/usr/sbin/nologin", "--comment", "sysctr, owns nothing", lxc.MounterUser).CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("make the user %s: %w: %s", lxc.MounterUser, err, strings.TrimSpace(string(out)))
	}
	return true, nil
}

// reserveIDs writes the pool down as root's in subuid(5) and subgid(5), so that no tool gives it to a user.
func reserveIDs(pool idrange.Pool, etc string) (bool, error) {
	changed := false
	for _, file := range []string{"subuid", "subgid"} {
		path := filepath.Join(etc, file)
		content, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return changed, err
		}
		text, edited, err := idrange.Reserve(content, pool)
		if err != nil {
			return changed, fmt.Errorf("%s: %w", path, err)
		}
		if !edited {
			continue
		}
		if err := record.WriteFile(path, text, 0o644); err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

func ensureOverlayfs() (bool, error) {
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return false, err
	}
	if strings.Contains(string(known), "\toverlay\n") {
		return false, nil
	}
	if out, err := exec.Command("modprobe", "overlay").CombinedOutput(); err != nil { //nolint:noctx // short
		return false, fmt.Errorf("load the overlay module: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return true, nil
}
