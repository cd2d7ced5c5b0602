package e2e_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// inside is an ordinary playbook: nothing of it knows of containers. Its host is one, by the connection plugin.
const inside = `
- hosts: all
  gather_facts: true
  tasks:
    - name: The facts are the container's
      ansible.builtin.assert:
        that:
          - ansible_facts.hostname == sysctr_container
          - ansible_facts.service_mgr == "systemd"
    - ansible.builtin.user: {name: shop, uid: 4321, create_home: true}
    - ansible.builtin.template: {src: shop.conf.j2, dest: /etc/shop.conf, owner: shop, mode: "0640"}
    - ansible.builtin.copy: {src: bytes, dest: /srv/bytes, mode: "0600"}
    - ansible.builtin.fetch: {src: /srv/bytes, dest: "fetched-{{ sysctr_container }}", flat: true}
    - ansible.builtin.copy:
        dest: /etc/systemd/system/shop.service
        content: |
          [Service]
          ExecStart=/bin/sleep infinity
          User=shop
    - ansible.builtin.systemd: {daemon_reload: true}
    - ansible.builtin.service: {name: shop, state: started}
    - name: A package of the shared root is there
      ansible.builtin.package: {name: coreutils, state: present}
    - name: As another user
      become: true
      become_user: shop
      become_method: ansible.builtin.su
      ansible.builtin.copy: {content: mine, dest: /home/shop/mine}
    - name: As another user, with a shell
      become: true
      become_user: shop
      become_method: ansible.builtin.su
      ansible.builtin.shell: "id -un; cat; printf ' %s' 'a  b' \"$HOME\""
      args: {stdin: "one 'two' \"three\""}
      register: shell
      changed_when: false
    - ansible.builtin.assert:
        that: shell.stdout == "shop\none 'two' \"three\"\n a  b /home/shop"
`

// TestAnsibleInside runs an ordinary playbook in containers of the inventory plugin, with pipelining and without, on this machine and over a program
// that takes what ssh takes.
func TestAnsibleInside(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	web := l.name("web<1..2>")
	l.must(t, "create", web, "--start", "--set", "tags=front")
	l.must(t, "create", l.name("rest1"))
	bytes := string([]byte{0, 1, 0xff, '\r', '\n', 0x80, 0x1b})
	a.write(t, "bytes", strings.Repeat(bytes, 50000))
	a.write(t, "shop.conf.j2", "name = {{ sysctr_container }} ünï\n")
	here := a.write(t, "here.sysctr.yml", "plugin: sysctr.sysctr.sysctr\nexecutable: "+l.binary+"\ntargets: ['state:running']\n")
	there := a.write(t, "there.sysctr.yml", "plugin: sysctr.sysctr.sysctr\nexecutable: "+l.binary+"\ntargets: ['state:running']\n"+
		"hosts: [admin@far]\nssh_args: -p 2222\nssh_executable: "+a.fakeSSH(t)+"\n")
	for _, test := range []struct {
		summary, inventory, suffix string
		pipelining                 bool
		changed                    int
	}{
		{"here", here, "", false, 7},
		{"over ssh, piped", there, ".far", true, 1}, // the fetched file is not there any more
	} {
		t.Run(test.summary, func(t *testing.T) {
			p := a.play(t, inside, "-i", test.inventory, "-e", "ansible_pipelining="+strconv.FormatBool(test.pipelining))
			for _, n := range []string{"web1", "web2"} {
				p.is(t, l.name(n)+test.suffix, test.changed)
				fetched := filepath.Join(a.dir, "fetched-"+l.name(n))
				if readText(t, fetched) != strings.Repeat(bytes, 50000) {
					t.Errorf("%s: the copy that came back is another", n)
				}
				if err := os.Remove(fetched); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if got, want := l.sh(t, "web1", "cat /etc/shop.conf /home/shop/mine; stat -c '%U %a' /etc/shop.conf /srv/bytes /home/shop/mine; systemctl is-active shop"),
		"name = "+l.name("web1")+" ünï\nmineshop 640\nroot 600\nshop 644\nactive"; got != want {
		t.Errorf("inside is\n%s\nwant\n%s", got, want)
	}
	if _, err := os.Stat("/etc/shop.conf"); err == nil {
		t.Error("the machine has got it too")
	}
	t.Run("not reachable", func(t *testing.T) { a.notReachable(t, l) })
}

// fakeSSH is a program that takes ssh's arguments, notes them, and runs the command on this machine as the other end's shell would.
func (a *ansible) fakeSSH(t *testing.T) string {
	return a.write(t, "ssh", `#!/bin/sh
echo "$*" >>`+a.dir+`/ssh.log
while [ "$1" != -- ]; do shift; done
[ "$2" = admin@far ] || { echo "no route to $2" >&2; exit 255; }
shift 2
exec sh -c "$*"
`)
}

// notReachable: a container that is stopped, one that is not there and a host that is away are unreachable, with the reason.
func (a *ansible) notReachable(t *testing.T, l *local) {
	for name, test := range map[string]struct{ vars, want string }{
		l.name("rest1"): {"", "not running"},
		l.name("none1"): {"", "no container"},
		l.name("web1"):  {" sysctr_host=nowhere sysctr_ssh_executable=" + a.dir + "/ssh", "no route to nowhere"},
	} {
		inventory := a.write(t, "hosts", name+" ansible_connection=sysctr.sysctr.sysctr sysctr_executable="+l.binary+test.vars+"\n")
		p := a.play(t, "- hosts: all\n  gather_facts: false\n  tasks: [{ansible.builtin.raw: 'true'}]\n", "-i", inventory)
		if p.counts[name]["unreachable"] != 1 || !strings.Contains(p.Stdout+p.Stderr, test.want) {
			t.Errorf("%s: status %d, want unreachable with %q\n%s%s", name, p.Code, test.want, p.Stdout, p.Stderr)
		}
	}
	log := readText(t, filepath.Join(a.dir, "ssh.log"))
	if !strings.HasPrefix(log, "-p 2222 -o BatchMode=yes") || !strings.Contains(log, " -T -- admin@far ") {
		t.Errorf("ssh was run with\n%.500s", log)
	}
}
