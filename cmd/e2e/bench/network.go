package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// alone is what a figure adds to create where it is compared with something that has no network.
func alone() []string { return []string{"--set", "network=none"} }

// ownNetwork makes the run's network namespace that of a host: with a loopback, a hosts file that sysctr may edit, and a sysfs that shows its
// interfaces, in which liblxc looks for bridges.
func (s *stage) ownNetwork(ctx context.Context) error {
	if _, err := timed(exec.CommandContext(ctx, "ip", "link", "set", "lo", "up")); err != nil {
		return err
	}
	own := filepath.Join(s.Dir, s.prefix+"state")
	groups, hosts := filepath.Join(own, "groups"), filepath.Join(own, "hosts")
	const cgroup = "/sys/fs/cgroup"
	if err := errors.Join(os.Mkdir(groups, 0o700), os.WriteFile(hosts, []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o644)); err != nil { //nolint:gosec // as /etc/hosts
		return err
	}
	return errors.Join(
		unix.Mount(cgroup, groups, "", unix.MS_BIND|unix.MS_REC, ""), unix.Mount("", groups, "", unix.MS_PRIVATE|unix.MS_REC, ""),
		unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""),
		unix.Mount(groups, cgroup, "", unix.MS_BIND|unix.MS_REC, ""), unix.Unmount(groups, unix.MNT_DETACH),
		unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, ""),
	)
}

// network compares a restart of containers that have a network with that of the same without, and a request through a published port with one to
// the container's own address.
func (s *stage) network(ctx context.Context) error {
	s.report.head("restart of %d running command containers with a network, against the same without", s.N)
	for _, args := range [][]string{append([]string{"create", s.target("alone", s.N), "--profile", "command"}, alone()...), {"create", s.target("wired", s.N), "--profile", "command"}} {
		if _, err := s.sysctr(ctx, append(args, "--start")...); err != nil {
			return err
		}
	}
	restart := func(kind string) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "restart", s.target(kind, s.N)) }
	}
	samples, err := s.rounds(ctx, restart("alone"), restart("wired"))
	if err == nil {
		s.report.line("without", samples[0].Times(1000/float64(s.N)), "ms each")
		s.report.line("with a network", samples[1].Times(1000/float64(s.N)), "ms each")
		s.report.goal("with / without", samples[1].Over(samples[0]), "times", 1.5)
	}
	_, destroyErr := s.sysctr(ctx, "destroy", "all", "--yes", "--force")
	return errors.Join(err, destroyErr, s.requests(ctx))
}

// server is a program of Python that answers each connection with a word.
const server = `import socket; s = socket.create_server(("0.0.0.0", 80), backlog=256); ` +
	`[(c.sendall(b"answer"), c.close()) for c in iter(lambda: s.accept()[0], None)]`

// requests asks servers, one request after the other: that of a container, by its address and by a published port, and one at the other end of a
// plain veth.
func (s *stage) requests(ctx context.Context) error {
	const port = 18080
	name := s.names("server", 1)[0]
	defer s.sysctr(context.WithoutCancel(ctx), "destroy", name, "--yes", "--force") //nolint:errcheck // the run's end destroys what is left
	command, err := json.Marshal([]string{"/usr/bin/python3", "-c", server})
	if err != nil {
		return err
	}
	if _, err := s.sysctr(ctx, "create", name, "--profile", "command", "--set", "command="+string(command), "--set", fmt.Sprintf("ports=%d:80", port), "--start"); err != nil {
		return err
	}
	found, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return err
	}
	address := net.JoinHostPort(found[0], "80") // not the name: a look into the hosts file is longer than all the rest
	plain, end, err := plainServer(ctx)
	if err != nil {
		return err
	}
	defer end()
	answers(ctx, address)
	answers(ctx, plain)
	samples, err := s.rounds(ctx, many(plain), many(address), many(fmt.Sprintf("127.0.0.1:%d", port)))
	if err != nil {
		return err
	}
	s.report.line("one request over a plain veth", samples[0].Times(1e6), "µs")
	s.report.line("to a container's address: bridge and filters", samples[1].Times(1e6), "µs")
	s.report.line("through a published port and NAT", samples[2].Times(1e6), "µs")
	s.report.line("address / plain veth", samples[1].Over(samples[0]), "times")
	s.report.line("published port / plain veth", samples[2].Over(samples[0]), "times")
	return nil
}

// many returns what measures a request to an address, in seconds, as the mean of a few hundred.
func many(address string) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		const each = 500
		begun := time.Now()
		for range each {
			if err := ask(ctx, address); err != nil {
				return 0, err
			}
		}
		return time.Since(begun).Seconds() / each, nil
	}
}

// plainServer starts the server in a network namespace of its own, with nothing but a veth between it and this one.
func plainServer(ctx context.Context) (address string, end func(), err error) {
	const host, there = "10.213.213.1", "10.213.213.2"
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-c", server)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	for _, args := range [][]string{
		{"ip", "link", "add", "benchplain", "type", "veth", "peer", "name", "eth0", "netns", pid},
		{"ip", "address", "add", host + "/30", "dev", "benchplain"},
		{"ip", "link", "set", "benchplain", "up"},
		{"nsenter", "--target", pid, "--net", "ip", "address", "add", there + "/30", "dev", "eth0"},
		{"nsenter", "--target", pid, "--net", "ip", "link", "set", "eth0", "up"},
	} {
		if _, err := timed(exec.CommandContext(ctx, args[0], args[1:]...)); err != nil { //nolint:gosec // of the table above
			end()
			return "", nil, err
		}
	}
	return there + ":80", end, nil
}

// answers waits until a server answers, for at most ten seconds: Python takes a while to listen.
func answers(ctx context.Context, address string) {
	for patience := time.Now().Add(10 * time.Second); ask(ctx, address) != nil && time.Now().Before(patience); {
		time.Sleep(10 * time.Millisecond)
	}
}

// ask makes one connection and reads the answer.
func ask(ctx context.Context, address string) error {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	answer := make([]byte, 6)
	_, err = c.Read(answer)
	return err
}
