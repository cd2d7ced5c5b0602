package lxc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// Where the control groups of containers are that are no units.
const (
	containerGroup = "sysctr/c/"
	monitorGroup   = "sysctr/mon/"
)

// groups are the control groups of one start.
type groups struct {
	container, monitor alive.Group
	pivot              alive.Group // the container's own one; empty where all share one
	dirs               Cgroups     // the same for liblxc
}

// groups names the control groups: fixed names, so that what is left can be found by name, and the container's name in each, since liblxc
// fails on one that another container uses. Below a unit's own group where systemd started us, else below one of ours at the top.
func (s *Starter) groups(name string) (groups, error) {
	g := groups{dirs: Cgroups{
		Container: containerGroup + name, Monitor: monitorGroup + name, Pivot: "sysctr/pivot",
		Unified: s.Layout.Unified(), Controllers: map[string]bool{}, Swap: s.swap,
	}}
	place := s.Layout.At
	if s.unit {
		g.dirs.Container, g.dirs.Monitor, g.dirs.Pivot = "payload."+name, "supervisor."+name, "pivot."+name
		g.dirs.Relative = true
		place = func(rel string) (alive.Group, error) { return s.Layout.Beside(0, rel) }
	}
	for _, c := range []string{"memory", "cpu", "pids", "devices"} {
		g.dirs.Controllers[c] = s.Layout.Has(c)
	}
	var err error
	if s.unit {
		if g.pivot, err = place(g.dirs.Pivot); err != nil {
			return g, fmt.Errorf("place the control groups: %w", err)
		}
	}
	if g.container, err = place(g.dirs.Container); err != nil {
		return g, fmt.Errorf("place the control groups: %w", err)
	}
	if g.monitor, err = place(g.dirs.Monitor); err != nil {
		return g, fmt.Errorf("place the control groups: %w", err)
	}
	return g, nil
}

// ErrSource says that something of the host which a container is to mount is not there.
var ErrSource = errors.New("cannot be mounted; make it, or take it out of the profile's mounts")

// checkSources looks at the sources of the container's own mounts: liblxc's word for a missing one is "invalid argument", or none.
func checkSources(mounts []profiles.Mount) error {
	var errs []error
	for _, m := range mounts {
		if _, err := os.Stat(m.Source); err != nil {
			errs = append(errs, fmt.Errorf("%s %w: %w", m.Source, ErrSource, err))
		}
	}
	return errors.Join(errs...)
}

// configure writes the LXC configuration of this start, in a user namespace that is there if there is one.
func (s *Starter) configure(rec record.Record, g groups, n Network, userns *os.File) error {
	if err := checkSources(rec.Spec.Mounts); err != nil {
		return err
	}
	dir := filepath.Join(s.Dirs.LXC(), rec.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the LXC directory: %w", err)
	}
	ns := ""
	if userns != nil {
		ns = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), userns.Fd())
	}
	text, err := Config{
		Name: rec.Name, Rootfs: s.Dirs.Root(rec.Name), Range: rec.Range, UserNS: ns, Spec: rec.Spec, Seccomp: s.policyFile(),
		Notify: s.Dirs.Notify(rec.Name), Log: filepath.Join(dir, "log"), Console: s.console(rec.Name), Cgroups: g.dirs, Network: n, AppArmor: s.apparmor,
		AfterStop: s.afterStop(rec.Spec.Restart),
	}.Render()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "config")
	if err := record.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write the LXC configuration: %w", err)
	}
	written, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the LXC configuration back: %w", err)
	}
	if err := checkTrailer(written); err != nil {
		return err
	}
	return s.onFailure(dir, rec)
}

// onFailure writes the script that the monitor runs (launcher.c) when the container's init has ended with a status that is a failure. A unit is
// started again by systemd, which sees the same status as the monitor's.
func (s *Starter) onFailure(dir string, rec record.Record) error {
	file := filepath.Join(dir, "failed")
	if s.unit || rec.Spec.Restart != profiles.OnFailure {
		return ignoreAbsent(os.Remove(file))
	}
	return record.WriteFile(file, []byte("exec "+quote(s.binary)+" _again "+quote(rec.Name)+"\n"), 0o600)
}

// Status returns the status with which the init of a container's last run has ended. It is false as long as that runs, when it was killed, or
// powered off, and when its monitor was killed.
func (h Host) Status(name string) (int, bool) {
	text, err := os.ReadFile(filepath.Join(h.Dirs.LXC(), name, "exit"))
	if err != nil {
		return 0, false
	}
	status, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return status, err == nil
}

// afterStop is the command that liblxc's monitor runs when the container has ended and no unit is there to start it again. liblxc executes it
// through a shell and appends the container's name; the decision is this one shell's own, so that an ordinary stop starts no program of ours.
func (s *Starter) afterStop(restart profiles.Restart) string {
	if s.unit {
		return ""
	}
	condition := ""
	switch restart {
	case profiles.Never:
		return ""
	case profiles.Always:
	default:
		condition = `[ "$LXC_TARGET" != reboot ] || `
	}
	return "/bin/sh -c " + quote(condition+"exec "+quote(s.binary)+` _again "$0"`)
}

// quote makes s one word of a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
