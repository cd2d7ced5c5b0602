package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lxcPath is where the stock module looks for containers, whatever its option lxc_path says.
const lxcPath = "/var/lib/lxc"

// fleets compares one task of the collection with the loop over the stock module that is known for this design, at the same count. What is started
// is a command on either side: a system of the host's raw root would start all that the host does.
func (s *stage) fleets(ctx context.Context) error {
	s.report.head("%d command containers by Ansible, started: one task, or a loop over community.general.lxc_container", s.Debian)
	if _, err := exec.LookPath("ansible-playbook"); err != nil || s.Debian == 0 {
		s.report.say("not measured without Ansible: apt-get install ansible-core")
		return nil //nolint:nilerr // what is missing is said
	}
	if err := os.CopyFS(filepath.Join(s.disk, "ansible_collections", "sysctr", "sysctr"), os.DirFS(s.Collection)); err != nil {
		return fmt.Errorf("copy the collection: %w", err)
	}
	own := s.fleetTask()
	all := []func(context.Context) (float64, error){
		func(ctx context.Context) (float64, error) { return own(ctx, 1) },
		func(ctx context.Context) (float64, error) { return own(ctx, 2) },
	}
	loops, err := s.loops(ctx)
	if err != nil {
		return err
	}
	for _, d := range loops {
		all = append(all, s.loop(d))
	}
	samples, err := s.rounds(ctx, all...)
	if err != nil {
		return err
	}
	s.report.line("sysctr.sysctr.container, made and started", samples[0], "s")
	s.report.line("the same again, nothing to do", samples[1], "s")
	for i, d := range loops {
		s.report.line("the loop, made before, "+d.what, samples[2+i], "s")
		s.report.line("the loop / one task", samples[2+i].Over(samples[0]), "times")
	}
	return nil
}

// fleetTask returns what measures the last of so many runs of the one task, from none of the containers on.
func (s *stage) fleetTask() func(ctx context.Context, runs int) (float64, error) {
	target := s.target("fleet", s.Debian)
	task := fmt.Sprintf("sysctr.sysctr.container: {name: '%s', profile: command, executable: %s}", target, s.Sysctr)
	return func(ctx context.Context, runs int) (took float64, err error) {
		for ; runs > 0 && err == nil; runs-- {
			took, err = s.playbook(ctx, task)
		}
		_, destroyErr := s.sysctr(ctx, "destroy", target, "--yes", "--force")
		return took, errors.Join(err, destroyErr)
	}
}

// playbook runs one task on this machine and returns its seconds.
func (s *stage) playbook(ctx context.Context, task string) (float64, error) {
	file := filepath.Join(s.disk, "play.yml")
	text := "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - " + task + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "ansible_python_interpreter=/usr/bin/python3", file)
	paths := []string{s.disk, os.Getenv("ANSIBLE_COLLECTIONS_PATH"), "/usr/share/ansible/collections"}
	cmd.Env = append(os.Environ(), "HOME="+s.disk, "LANG=C.UTF-8", "ANSIBLE_COLLECTIONS_PATH="+strings.Join(paths, ":"))
	return timed(cmd)
}

// loops prepares stopped containers for the stock module, and says what it lacks.
func (s *stage) loops(ctx context.Context) ([]debian, error) {
	if _, err := s.playbook(ctx, "community.general.lxc_container: {name: "+s.prefix+"none, state: absent}"); err != nil {
		s.report.say("not compared with the loop: apt-get install ansible python3-lxc")
		return nil, nil //nolint:nilerr // what is missing is said
	}
	loops, err := s.debianVariants("loop")
	if err != nil || len(loops) == 0 {
		return nil, err
	}
	for _, d := range loops {
		for _, name := range d.names {
			if err := appendText(filepath.Join(d.dir, name, "config"), "lxc.init.cmd = /usr/bin/sleep infinity\n"); err != nil {
				return nil, err
			}
		}
	}
	return loops, nil
}

func appendText(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// loop returns what measures the start of stopped containers, one by one, by the stock module. They are killed afterwards.
func (s *stage) loop(d debian) func(context.Context) (float64, error) {
	return func(ctx context.Context) (took float64, err error) {
		if err := unix.Mount(d.dir, lxcPath, "", unix.MS_BIND, ""); err != nil { // in the run's own namespace
			return 0, fmt.Errorf("bind %s: %w", lxcPath, err)
		}
		defer func() { err = errors.Join(err, sweepContainers(ctx, s.prefix), unix.Unmount(lxcPath, unix.MNT_DETACH)) }()
		task := fmt.Sprintf("{community.general.lxc_container: {name: '{{ item }}', state: started}, loop: [%s]}", strings.Join(d.names, ", "))
		return s.playbook(ctx, task)
	}
}
