package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestAnsibleSSH reaches containers over a real ssh, in a network of the test's own: the inventory and all that runs in both containers, bytes both ways
// included, share one connection, and nothing waits for its end. One task at a time: dropbear, which needs no service of the machine to be a server,
// closes some 7 of 100 sessions without their status if several run at once over one connection; OpenSSH's server closed none of 1200 so.
func TestAnsibleSSH(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	log := a.sshd(t)
	l.must(t, "create", l.name("web<1..2>"), "--profile", "command", "--start")
	args := "-i " + a.dir + "/id -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
	inventory := a.write(t, "far.sysctr.yml", "plugin: sysctr.sysctr.sysctr\nexecutable: "+l.binary+"\nhosts: [root@127.0.0.1]\nssh_args: "+args+"\n")
	bytes := strings.Repeat(string([]byte{0, 1, 0xff, '\r', '\n', 0x80, 0x1b, '~', '.'}), 50000)
	a.write(t, "bytes", bytes)
	p := a.play(t, `
- hosts: sysctr_host_127_0_0_1
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {src: bytes, dest: /srv/bytes, mode: "0600"}
    - ansible.builtin.fetch: {src: /srv/bytes, dest: "fetched-{{ sysctr_container }}", flat: true}
`, "-i", inventory, "--forks", "1")
	for _, n := range []string{"web1", "web2"} {
		p.is(t, l.name(n)+".127.0.0.1", 2)
		if readText(t, filepath.Join(a.dir, "fetched-"+l.name(n))) != bytes {
			t.Errorf("%s: the copy that came back is another", n)
		}
	}
	if n := strings.Count(readText(t, log), "Pubkey auth succeeded"); n != 1 {
		t.Errorf("there were %d connections:\n%s", n, readText(t, log))
	}
	kept, err := filepath.Glob(filepath.Join(a.dir, ".ansible", "cp", "sysctr-*"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept is %q: %v", kept, err)
	}
	if r := a.run(t, "ssh", "-o", "ControlPath="+kept[0], "-O", "exit", "root@127.0.0.1"); r.Code != 0 {
		t.Errorf("end the connection: %+v", r)
	}
}

// sshd runs a server on the loopback, which takes the key id beside the playbooks, and returns its log.
func (a *ansible) sshd(t *testing.T) string {
	t.Helper()
	server, remedy := need.Command(t, "dropbear", "run make test-hosts"), "run make test-hosts"
	if err := unix.Mount("none", "/root", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size=1m"); err != nil { // in the test's own namespace
		t.Fatalf("hide /root: %v", err)
	}
	for _, argv := range [][]string{
		{need.Command(t, "ip", remedy), "link", "set", "lo", "up"},
		{need.Command(t, "ssh-keygen", remedy), "-q", "-t", "ed25519", "-N", "", "-f", a.dir + "/id"},
		{need.Command(t, "dropbearkey", remedy), "-t", "ed25519", "-f", a.dir + "/host"},
		{need.Command(t, "install", remedy), "-D", "-m", "0600", a.dir + "/id.pub", "/root/.ssh/authorized_keys"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v: %s", argv, err, out)
		}
	}
	log, err := os.Create(filepath.Join(a.dir, "sshd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(server, "-F", "-E", "-r", a.dir+"/host", "-p", "127.0.0.1:2222", "-P", a.dir+"/pid")
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	until(t, "the server listens", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:2222")
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return log.Name()
}
