package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestAnsiblePatch patches three hosts with the playbook: it stops at the one whose gate fails, leaves the next untouched, and goes on after the cure.
// Ansible's modules run on this machine and reach the hosts' sysctr through a program each, as there is no network.
func TestAnsiblePatch(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	dir := t.TempDir()
	old, patched := demo{version: "1", bytes: "1", dir: dir}, demo{version: "2", bytes: "2", dir: dir}
	update := patched.build(t)
	hosts := map[string]patchHost{}
	inventory := "[fleet]\n"
	for _, n := range []string{"one", "two", "three"} {
		h := patchHost{newUnitHost(t, e2e.Options{})}
		hosts[n] = h
		h.Write(t, "/etc/sysctr/config.yaml", "patch: {mode: manual, canary: 1, soak: 0s, max_unavailable: 1}\n", 0o644)
		h.Copy(t, update, "/root/update.deb")
		h.install(t, old)
		h.Must(t, "sysctr", "create", "c1", "c2", "--profile", "command", "--set", `command=["/usr/bin/demo-say", "for ever"]`, "--start")
		inventory += fmt.Sprintf("%s ansible_connection=local ansible_python_interpreter=/usr/bin/python3 sysctr_executable=%s/sysctr-%s attach=%s/attach-%s\n", n, a.dir, n, a.dir, n)
		attach := fmt.Sprintf("#!/bin/sh\nexec lxc-attach --lxcpath %s --name %s --clear-env --set-var PATH=%s -- ", filepath.Dir(h.Root()), h.Name(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
		a.write(t, "attach-"+n, attach+"\"$@\"\n")
		a.write(t, "sysctr-"+n, attach+"sysctr \"$@\"\n")
	}
	// Passes before the restart and not after it.
	hosts["two"].Must(t, "sysctr", "apply", "c1", "c2", "--set", `patch.probe=["/bin/sh", "-c", "test ! -e /opt/probed && touch /opt/probed"]`)
	upgrade := a.write(t, "upgrade.yml", "- ansible.builtin.command: '{{ attach }} dpkg -i --force-confnew /root/update.deb'\n")
	run := func(more ...string) play {
		return a.playFile(t, filepath.Join(a.collection, "playbooks", "patch.yml"), append([]string{"-i", a.write(t, "hosts", inventory),
			"-e", "sysctr_hosts=fleet sysctr_become=false sysctr_upgrade_tasks=" + upgrade}, more...)...)
	}
	version := func(n string) string { return hosts[n].Must(t, "dpkg-query", "-W", "-f", "${Version}", "demo") }

	p := run()
	if p.Code == 0 || p.counts["one"]["failed"] != 0 || p.counts["two"]["failed"] != 1 || len(p.counts["three"]) != 0 {
		t.Fatalf("the gate of the second host: %+v\n%s%s", p.counts, p.Stdout, p.Stderr)
	}
	if !strings.Contains(p.Stdout, "its probe does not pass any more") || !strings.Contains(p.Stdout, "one: {'c1': 'patched', 'c2': 'patched'}") {
		t.Errorf("the reason or the summary is missing:\n%s", p.Stdout)
	}
	if version("one") != "2" || version("three") != "1" {
		t.Errorf("the first host has %s, the third %s", version("one"), version("three"))
	}
	hosts["two"].Sh(t, "for c in c1 c2; do sysctr exec $c -- rm -f /opt/probed; sysctr apply $c --set 'patch.probe=[\"/bin/true\"]'; done")
	p = run("-e", "sysctr_resume=true")
	if p.Code != 0 || !strings.Contains(p.Stdout, "three: {'c1': 'patched', 'c2': 'patched'}") || !strings.Contains(p.Stdout, "two: {'c1': 'patched', 'c2': 'patched'}") {
		t.Fatalf("after the cure:\n%s%s", p.Stdout, p.Stderr)
	}
	for n := range hosts {
		if got := version(n); got != "2" {
			t.Errorf("%s has %s", n, got)
		}
	}
}
