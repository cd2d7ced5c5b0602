package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestAnsiblePatch patches three hosts of ten containers each with the playbook, by an apt of its own: it stops at the host whose gate fails, leaves
// the next untouched, and goes on after the cure. The hosts were prepared by the role. Ansible reaches them as by ssh, through a program that takes
// what ssh takes, as they have no network.
func TestAnsiblePatch(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "one", "two", "three")
	f.prepare(t)
	for n, h := range f.hosts {
		h.install(t, f.old)
		command := `command=["/usr/bin/demo-say", "for ever"]`
		h.Must(t, "sysctr", "create", "c<1..10>", "--profile", "quick", "--set", command, "--start")
		if n == "two" { // passes before the restart and not after it
			h.Must(t, "sysctr", "apply", "all", "--set", `patch.probe=["/bin/sh", "-c", "test ! -e /opt/probed && touch /opt/probed"]`)
		}
	}
	untouched := f.hosts["three"].Must(t, "sysctr", "list", "-o", "json")

	p := f.patch(t)
	if p.Code == 0 || p.counts["one"]["failed"] != 0 || p.counts["two"]["failed"] != 1 || len(p.counts["three"]) != 0 {
		t.Fatalf("the gate of the second host: %+v\n%s%s", p.counts, p.Stdout, p.Stderr)
	}
	if !strings.Contains(p.Stdout, "its probe does not pass any more") || !strings.Contains(p.Stdout, "one: "+tenAre("patched")) {
		t.Errorf("the reason or the summary is missing:\n%s", p.Stdout)
	}
	if !strings.Contains(p.Stdout, "two: {'c1': 'patched', 'c2': 'stale', ") || strings.Contains(p.Stdout, "three: ") {
		t.Errorf("the summary does not tell of the host that has stopped:\n%s", p.Stdout)
	}
	if f.version(t, "one") != "2" || f.version(t, "three") != "1" || f.hosts["three"].Must(t, "sysctr", "list", "-o", "json") != untouched {
		t.Errorf("the first host has %s, the third %s, and its containers are\n%s", f.version(t, "one"), f.version(t, "three"), untouched)
	}
	f.hosts["two"].Sh(t, "sysctr exec all -- rm -f /opt/probed; sysctr apply all --set 'patch.probe=[\"/bin/true\"]'")
	p = f.patch(t, "-e", "sysctr_resume=true")
	for _, n := range []string{"one", "two", "three"} {
		if p.Code != 0 || !strings.Contains(p.Stdout, n+": "+tenAre("patched")) || f.version(t, n) != "2" {
			t.Fatalf("%s has %s after the cure:\n%s%s", n, f.version(t, n), p.Stdout, p.Stderr)
		}
	}
}

// tenAre is a summary in which each of ten containers has the same verdict.
func tenAre(verdict string) string {
	var each []string
	for i := range 10 {
		each = append(each, fmt.Sprintf("'c%d': '%s'", i+1, verdict))
	}
	return "{" + strings.Join(each, ", ") + "}"
}

// fleet is hosts in an inventory, with a new version of the demo where their apt finds it.
type fleet struct {
	*ansible
	hosts     map[string]patchHost
	inventory string
	old       demo
}

func newFleet(t *testing.T, names ...string) fleet {
	t.Helper()
	dir := t.TempDir()
	f := fleet{ansible: newAnsible(t), hosts: map[string]patchHost{}, old: demo{version: "1", bytes: "1", dir: dir}}
	update := demo{version: "2", bytes: "2", dir: dir}.build(t)
	lines := "[fleet]\n"
	for _, n := range names {
		h := patchHost{unitHost{e2e.Boot(t, e2e.Options{})}}
		h.Install(t)
		h.Sh(t, "mkdir /srv/apt; rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*; echo 'deb [trusted=yes] file:/srv/apt ./' >/etc/apt/sources.list")
		h.Copy(t, update, "/srv/apt/demo.deb")
		h.Sh(t, "cd /srv/apt && apt-ftparchive packages . >Packages")
		f.hosts[n] = h
		f.write(t, "ssh-"+n, "#!/bin/sh\nfor command; do :; done\nexec lxc-attach --lxcpath "+filepath.Dir(h.Root())+" --name "+h.Name()+
			" --clear-env --set-var HOME=/root --set-var PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin -- sh -c \"$command\"\n")
		lines += fmt.Sprintf("%s ansible_ssh_executable=%s/ssh-%s\n", n, f.dir, n)
	}
	f.inventory = f.write(t, "hosts", lines+"[fleet:vars]\nansible_connection=ssh\nansible_ssh_transfer_method=piped\nansible_pipelining=true\nansible_ssh_retries=0\n"+
		"ansible_python_interpreter=/usr/bin/python3\n")
	return f
}

// prepare runs the role: what it does is foreseen, done, and not done again.
func (f fleet) prepare(t *testing.T) {
	t.Helper()
	const text = `
- hosts: fleet
  gather_facts: false
  roles:
    - role: sysctr.sysctr.host
      vars:
        sysctr_profiles: {quick: {extends: command, description: for a story}}
        sysctr_config: {patch: {mode: manual, canary: 1, soak: 0s, max_unavailable: 2}}
`
	for _, run := range []struct {
		args    []string
		changed int
	}{{[]string{"--check", "--diff"}, 3}, {nil, 3}, {nil, 0}} {
		p := f.play(t, text, append([]string{"-i", f.inventory}, run.args...)...)
		for n := range f.hosts {
			p.is(t, n, run.changed)
		}
	}
}

func (f fleet) patch(t *testing.T, more ...string) play {
	t.Helper()
	return f.playFile(t, filepath.Join(f.collection, "playbooks", "patch.yml"),
		append([]string{"-i", f.inventory, "-e", "sysctr_hosts=fleet sysctr_become=false"}, more...)...)
}

func (f fleet) version(t *testing.T, n string) string {
	t.Helper()
	return f.hosts[n].Must(t, "dpkg-query", "-W", "-f", "${Version}", "demo")
}
