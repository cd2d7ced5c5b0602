package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/bench/floor"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/overlay/mount"
	"github.com/sysctr/sysctr/profiles"
)

// floorCommand is the process of a floor: alone with its job in a session and a mount namespace, like sysctr's starter.
func (s *stage) floorCommand(ctx context.Context, job floor.Job) (*exec.Cmd, error) {
	outer, err := mount.Outer()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := job.Write(&text); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Stdin = &text
	cmd.Env = append(testVariables(), "PATH="+lxc.DefaultDirs().Path(), role+"="+roleFloor, outer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS}
	return cmd, nil
}

// testVariables are those by which a test's program knows that it is to be this one.
func testVariables() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "SYSCTR_BENCH_") })
}

// prepareFloor makes everything that a floor needs but does not measure: configurations, deltas, and for the one that mounts, the layers.
func (s *stage) prepareFloor(kind string, mounting bool) (floor.Job, error) {
	job := floor.Job{LXC: filepath.Join(runDir, kind, "lxc"), Workers: 2 * runtime.NumCPU(), Argv: []string{"/usr/bin/sleep", "infinity"}}
	var layers layers
	if mounting {
		mounter, err := lxc.Mounter()
		if err != nil {
			return job, err
		}
		job.Mounting = &floor.Mounting{Run: runDir, Mounter: mounter}
		if layers, err = commandLayers(); err != nil {
			return job, err
		}
	}
	for i, name := range s.names(kind, s.N) {
		c, config, err := s.floorContainer(kind, name, i, layers)
		if err != nil {
			return job, err
		}
		if err := writeConfig(job.LXC, name, config); err != nil {
			return job, err
		}
		job.Containers = append(job.Containers, c)
	}
	return job, nil
}

// layers are what all containers of the command profile have in common; the zero value is for the plain floor.
type layers struct {
	set  mask.Set
	base []overlay.Filesystem
}

func commandLayers() (layers, error) {
	spec, err := profiles.Library{}.Resolve("command", []string{"network=none"})
	if err != nil {
		return layers{}, err
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return layers{}, err
	}
	base, err := overlay.Filesystems(table, stateDir)
	if err != nil {
		return layers{}, err
	}
	var points []string
	for _, fs := range base[1:] {
		points = append(points, fs.Point)
	}
	set, err := mask.Cache{Dir: lxc.DefaultDirs().Masks(), Root: "/"}.Get(lxc.Rules(spec), mask.Shift{}, points)
	if err != nil {
		return layers{}, err
	}
	shown := slices.DeleteFunc(base, func(fs overlay.Filesystem) bool {
		return fs.Point != "/" && !slices.Contains(set.Shown, strings.TrimPrefix(fs.Point, "/"))
	})
	return layers{set: set, base: shown}, nil
}

func (s *stage) floorContainer(kind, name string, i int, l layers) (floor.Container, floor.Config, error) {
	delta := filepath.Join(s.disk, kind, name)
	config := floor.Config{Name: name, Groups: floorGroups, Rootfs: "overlay:/:" + filepath.Join(delta, "upper")}
	c := floor.Container{Name: name}
	if len(l.base) == 0 {
		return c, config, os.MkdirAll(filepath.Join(delta, "upper"), 0o755)
	}
	c.Range = idrange.Range{Start: idrange.Default().Start + uint32(i+1)*idrange.Size, Size: idrange.Size}
	c.At = filepath.Join(runDir, kind, "root", name)
	c.Stacks = overlay.Plan(l.base, overlay.Dirs{
		Delta: delta, Seed: filepath.Join(runDir, kind, "seed", name), Common: l.set.Common, Mask: l.set.Mask,
	})
	config.Rootfs, config.Range = "dir:"+c.At, c.Range
	config.Seccomp = filepath.Join(lxc.DefaultDirs().LXC(), "seccomp.policy")
	return c, config, makeLayers(c, fmt.Sprintf("%032x", i+1))
}

// makeLayers makes the directories of a container that is mounted, and writes its seed.
func makeLayers(c floor.Container, machineID string) error {
	for _, dir := range []string{c.At, filepath.Dir(c.Stacks[0].Seed)} {
		if err := os.MkdirAll(dir, 0o711); err != nil { // the container's root walks through
			return err
		}
	}
	for _, stack := range c.Stacks {
		for _, dir := range []string{stack.Upper, stack.Work} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		if err := os.Chown(stack.Upper, int(c.Range.Start), int(c.Range.Start)); err != nil {
			return err
		}
	}
	return mask.Write(c.Stacks[0].Seed, mask.Seed(mask.Identity{Name: c.Name, MachineID: machineID}), mask.Shift{})
}

func writeConfig(dir, name string, c floor.Config) error {
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(at, 0o711); err != nil { // the container's root walks through
		return err
	}
	return os.WriteFile(filepath.Join(at, "config"), c.Render(), 0o600)
}
