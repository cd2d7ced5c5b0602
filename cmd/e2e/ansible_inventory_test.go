package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestAnsibleInventory: containers are in groups by what they are, also by ones that the operator composes, and out of a cache.
func TestAnsibleInventory(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	l.must(t, "create", l.name("web<1..2>"), "--start", "--set", "tags=front,eu-1")
	l.must(t, "create", l.name("db1"), "--profile", "command")
	file := a.write(t, "all.sysctr.yml", `plugin: sysctr.sysctr.sysctr
executable: `+l.binary+`
verdicts: true
strict: true
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: `+a.dir+`/cache
compose: {number: "name[-1:] | int"}
groups: {first: "name.endswith('1')"}
keyed_groups: [{key: isolation, prefix: iso}]
`)
	want := map[string][]string{
		"sysctr": {"db1", "web1", "web2"}, "sysctr_profile_system": {"web1", "web2"}, "sysctr_profile_command": {"db1"}, "sysctr_tag_front": {"web1", "web2"},
		"sysctr_tag_eu_1": {"web1", "web2"}, "sysctr_state_running": {"web1", "web2"}, "sysctr_state_stopped": {"db1"},
		"sysctr_verdict": {"db1", "web1", "web2"}, "first": {"db1", "web1"}, "iso_private": {"db1", "web1", "web2"},
	}
	check := func(t *testing.T) {
		t.Helper()
		groups, vars := a.inventory(t, "-i", file)
		// Which of the two it is for one that runs depends on what other tests change on the host meanwhile, such as its users.
		groups["sysctr_verdict"] = slices.Concat(groups["sysctr_verdict_patched"], groups["sysctr_verdict_unaffected"])
		for group, names := range want {
			real := make([]string, len(names))
			for i, n := range names {
				real[i] = l.name(n)
			}
			slices.Sort(groups[group])
			if !slices.Equal(groups[group], real) {
				t.Errorf("group %s is %q, want %q; of %q", group, groups[group], real, groups)
			}
		}
		if v := vars[l.name("web2")]; v["ansible_connection"] != "sysctr.sysctr.sysctr" || fmt.Sprint(v["number"]) != "2" || v["sysctr_container"] != l.name("web2") {
			t.Errorf("the variables of a container are %v", v)
		}
	}
	check(t)
	l.must(t, "stop", l.name("web2"))
	check(t) // out of the cache
	want["sysctr_state_running"], want["sysctr_state_stopped"] = []string{"web1"}, []string{"db1", "web2"}
	if err := os.RemoveAll(filepath.Join(a.dir, "cache")); err != nil {
		t.Fatal(err)
	}
	check(t)

	none := a.write(t, "none.sysctr.yml", "plugin: sysctr.sysctr.sysctr\nexecutable: "+l.binary+"\ntargets: ['@nobody']\n")
	if groups, _ := a.inventory(t, "-i", none); len(groups["sysctr"]) != 0 {
		t.Errorf("a target that nothing matches gives %q", groups)
	}
	bad := a.write(t, "bad.sysctr.yml", "plugin: sysctr.sysctr.sysctr\nexecutable: "+l.binary+"\ntargets: ['Web<']\n")
	if r := a.run(t, "/usr/bin/ansible-inventory", "-i", bad, "--list"); r.Code == 0 || !strings.Contains(r.Stderr, "is not closed") {
		t.Errorf("a bad target: %+v", r)
	}
}

// inventory is what ansible-inventory lists: the hosts of each group, and the variables of each host.
func (a *ansible) inventory(t *testing.T, args ...string) (map[string][]string, map[string]map[string]any) {
	t.Helper()
	r := a.run(t, "/usr/bin/ansible-inventory", append(args, "--list")...)
	var list map[string]json.RawMessage
	if err := json.Unmarshal([]byte(r.Stdout), &list); r.Code != 0 || err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	groups := map[string][]string{}
	var meta struct{ Hostvars map[string]map[string]any }
	for name, text := range list {
		var group struct{ Hosts []string }
		into := any(&group)
		if name == "_meta" {
			into = &meta
		}
		if err := json.Unmarshal(text, into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		groups[name] = group.Hosts
	}
	return groups, meta.Hostvars
}
