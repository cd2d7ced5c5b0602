package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	debianConfig = "/usr/share/lxc/config/common.conf"
	debianExtra  = "/usr/share/lxc/config/common.conf.d"
	lxcfsConfig  = debianExtra + "/00-lxcfs.conf"
)

// restarts compares a restart with Debian's own tools and configuration: lxc-stop -k and lxc-start, one container after the other.
func (s *stage) restarts(ctx context.Context) error {
	const kind = "restart"
	s.report.head("restart of %d running command containers; Debian's tools with %d, privileged, one after the other", s.N, s.Debian)
	for _, args := range [][]string{append([]string{"create", "--profile", "command"}, alone()...), {"start"}} {
		if _, err := s.sysctr(ctx, append([]string{args[0], s.target(kind, s.N)}, args[1:]...)...); err != nil {
			return err
		}
	}
	all := []func(context.Context) (float64, error){
		func(ctx context.Context) (float64, error) {
			took, err := s.sysctr(ctx, "restart", "--now", s.target(kind, s.N))
			return took / float64(s.N), err
		},
		func(ctx context.Context) (float64, error) {
			took, err := s.sysctr(ctx, "restart", s.target(kind, s.N))
			return took / float64(s.N), err
		},
	}
	others, err := s.debianVariants("debian")
	if err != nil {
		return err
	}
	for _, d := range others {
		if err := d.start(ctx); err != nil {
			return err
		}
		all = append(all, d.restart)
	}
	samples, err := s.rounds(ctx, all...)
	if err == nil {
		s.printRestarts(samples, others)
	}
	_, destroyErr := s.sysctr(ctx, "destroy", s.target(kind, s.N), "--yes", "--force")
	return errors.Join(err, destroyErr, sweepContainers(ctx, s.prefix))
}

func (s *stage) printRestarts(samples []Sample, others []debian) {
	s.report.line("sysctr restart --now (kills)", samples[0].Times(1000), "ms each")
	s.report.line("sysctr restart (asks first)", samples[1].Times(1000), "ms each")
	for i, d := range others {
		s.report.line("Debian's tools, "+d.what, samples[2+i].Times(1000), "ms each")
		s.report.line("Debian's / sysctr restart --now", samples[2+i].Over(samples[0]), "times")
	}
}

// debian is one way to run containers with Debian's own tools.
type debian struct {
	what  string
	dir   string
	names []string
}

// debianVariants prepares containers of a kind for Debian's tools, as many ways as this machine knows, and says which it does not.
func (s *stage) debianVariants(kind string) ([]debian, error) {
	if s.Debian == 0 {
		return nil, nil
	}
	for _, tool := range []string{"lxc-start", "lxc-stop"} {
		if _, err := exec.LookPath(tool); err != nil {
			s.report.say("not compared: there is no %s; apt-get install lxc", tool)
			return nil, nil //nolint:nilerr // what is missing is said, and the rest is measured
		}
	}
	common, err := os.ReadFile(debianConfig)
	if err != nil {
		s.report.say("not compared: %v; apt-get install lxc", err)
		return nil, nil
	}
	without, err := s.debian(kind, "without lxcfs", withoutExtra(string(common)))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(lxcfsConfig); err != nil {
		s.report.say("not compared with lxcfs installed: there is no %s; apt-get install lxcfs", lxcfsConfig)
		return []debian{without}, nil //nolint:nilerr // as above
	}
	with, err := s.debian(kind, "with lxcfs installed", string(common))
	return []debian{without, with}, err
}

// withoutExtra is Debian's configuration as it is on a machine where no package has added to it.
func withoutExtra(common string) string {
	var kept []string
	for _, line := range strings.Split(common, "\n") {
		if !strings.Contains(line, debianExtra) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

func (s *stage) debian(kind, what, common string) (debian, error) {
	kind += "-" + strings.ReplaceAll(what, " ", "-")
	d := debian{what: what, dir: filepath.Join(s.disk, kind), names: s.names(kind, s.Debian)}
	for _, name := range d.names {
		upper := filepath.Join(d.dir, name, "upper")
		if err := os.MkdirAll(upper, 0o755); err != nil {
			return d, err
		}
		config := common + fmt.Sprintf("\nlxc.uts.name = %s\nlxc.rootfs.path = overlay:/:%s\nlxc.net.0.type = empty\n", name, upper)
		if err := os.WriteFile(filepath.Join(d.dir, name, "config"), []byte(config), 0o600); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d debian) start(ctx context.Context) error {
	for _, name := range d.names {
		if err := d.startOne(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (d debian) startOne(ctx context.Context, name string) error {
	_, err := timed(exec.CommandContext(ctx, "lxc-start", "-P", d.dir, "-n", name, "--", "/usr/bin/sleep", "infinity"))
	return err
}

// restart returns the seconds of one restart, on average.
func (d debian) restart(ctx context.Context) (float64, error) {
	var all float64
	for _, name := range d.names {
		for _, cmd := range []*exec.Cmd{
			exec.CommandContext(ctx, "lxc-stop", "-P", d.dir, "-n", name, "-k"),
			exec.CommandContext(ctx, "lxc-start", "-P", d.dir, "-n", name, "--", "/usr/bin/sleep", "infinity"),
		} {
			took, err := timed(cmd)
			if err != nil {
				return 0, err
			}
			all += took
		}
	}
	return all / float64(len(d.names)), nil
}
