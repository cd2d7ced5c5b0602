package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay/mount"
)

const (
	stateDir = "/var/lib/sysctr"
	runDir   = "/run/sysctr"
	etcDir   = "/etc/sysctr"
)

// stage is the place of one run: what its figures have in common.
type stage struct {
	Options
	report report
	prefix string // of the names of all its containers
	disk   string // a directory of the run's own on the disk, and gone with it
}

// inside measures, in the run's mount namespace, and leaves nothing running.
func inside(ctx context.Context, args []string) (err error) {
	o, err := Parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if err := mount.Isolate(); err != nil {
		return err
	}
	s := &stage{Options: o, report: report{w: os.Stdout}, prefix: os.Getenv(prefixVariable)}
	if err := s.set(); err != nil {
		return fmt.Errorf("make the run's own %s and %s: %w", stateDir, runDir, err)
	}
	if err := s.ownNetwork(ctx); err != nil {
		return fmt.Errorf("make the run's own network: %w", err)
	}
	if _, err := s.sysctr(ctx, "host", "init"); err != nil {
		return err
	}
	defer func() {
		// Not with ctx: it may have ended. Nothing to destroy is fine, and what this misses the first process finds by name.
		_, _ = s.sysctr(context.Background(), "destroy", "all", "--yes", "--force")
	}()
	s.introduce()
	for _, figure := range s.figures() {
		if !o.wants(figure.name) {
			continue
		}
		err = errors.Join(err, figure.measure(ctx))
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

// measured is a part of a run.
type measured struct {
	name    string // as -only has it
	measure func(context.Context) error
}

// figures are all there are, in order. The zero stage's tell their names.
func (s *stage) figures() []measured {
	return []measured{
		{"starts", s.starts}, {"creates", s.creates}, {"systems", s.systems}, {"restarts", s.restarts}, {"network", s.network}, {"memory", s.memory},
		{"lists", s.lists}, {"patches", s.patches}, {"deltas", s.deltas}, {"hook", s.hook}, {"fleets", s.fleets},
	}
}

// set mounts the run's own directories over sysctr's, and nothing over a service manager: sysctr then uses its batch starter, as the figures
// want, and the manager of the machine is left alone.
func (s *stage) set() error {
	own := filepath.Join(s.Dir, s.prefix+"state")
	for _, dir := range []string{"state", "disk"} {
		if err := os.Mkdir(filepath.Join(own, dir), 0o700); err != nil {
			return err
		}
	}
	if err := unix.Mount(filepath.Join(own, "state"), stateDir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", stateDir, err)
	}
	s.disk = filepath.Join(own, "disk")
	if err := unix.Mount("sysctr", runDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0711,size=25%"); err != nil {
		return fmt.Errorf("mount a tmpfs at %s: %w", runDir, err)
	}
	if err := unix.Mount("none", etcDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("hide %s: %w", etcDir, err)
	}
	if err := os.WriteFile(filepath.Join(etcDir, "config.yaml"), []byte(rollPolicy), 0o600); err != nil {
		return err
	}
	const manager = "/run/systemd"
	if _, err := os.Stat(manager); err != nil {
		return nil //nolint:nilerr // there is none to hide
	}
	if err := unix.Mount("none", manager, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("hide %s: %w", manager, err)
	}
	return nil
}

// introduce prints what the figures depend on.
func (s *stage) introduce() {
	var name unix.Utsname
	_ = unix.Uname(&name) // fails only for a bad address
	load, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	var online unix.CPUSet
	_ = unix.SchedGetaffinity(1, &online) // process 1 may use all there are; else 0 is printed
	fmt.Fprintf(s.report.w, "sysctr bench: Linux %s, liblxc %s, %d of %d processors, load %s, %d containers, %d rounds\n",
		unix.ByteSliceToString(name.Release[:]), lxc.Version(), runtime.NumCPU(), online.Count(), load, s.N, s.Rounds)
	fmt.Fprintln(s.report.w, "Figures are medians with (least..most) of the rounds; ratios are taken round by round.")
}

func firstLine(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// names returns n names of a kind.
func (s *stage) names(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%s-%d", s.prefix, kind, i+1)
	}
	return names
}

// target is the range that names(kind, n) are.
func (s *stage) target(kind string, n int) string {
	return fmt.Sprintf("%s%s-<1..%d>", s.prefix, kind, n)
}
