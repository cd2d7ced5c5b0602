package floor_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/bench/floor"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

func TestReadReadsWhatWriteWrote(t *testing.T) {
	t.Parallel()
	want := floor.Job{
		LXC: "/run/x", Workers: 2, Argv: []string{"/usr/bin/sleep", "infinity"},
		Mounting: &floor.Mounting{Run: "/run/x", Mounter: mount.Credentials{UID: 7, GID: 8}},
		Containers: []floor.Container{{
			Name: "one", Range: idrange.Range{Start: 65536, Size: 65536}, Stacks: []overlay.Stack{{Point: "/", Upper: "/u", Base: "/"}}, At: "/run/x/one",
		}},
	}
	var text bytes.Buffer
	if err := want.Write(&text); err != nil {
		t.Fatal(err)
	}
	got, err := floor.Read(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ summary, text string }{
		{"nothing", ""},
		{"something else", "[]"},
		{"no workers", `{"LXC":"/run/x","Argv":["a"]}`},
		{"no directory", `{"Workers":1,"Argv":["a"]}`},
		{"no command", `{"Workers":1,"LXC":"/run/x"}`},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			if j, err := floor.Read(strings.NewReader(test.text)); err == nil {
				t.Errorf("no error, but %+v", j)
			}
		})
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	const common = `lxc.uts.name = one
lxc.rootfs.path = ROOT
lxc.net.0.type = empty
lxc.tty.max = 0
lxc.autodev = 1
lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed
lxc.cgroup.dir.container = g/c/one
lxc.cgroup.dir.monitor = g/mon/one
lxc.cgroup.dir.monitor.pivot = g/pivot
`
	for _, test := range []struct {
		summary string
		config  floor.Config
		want    string
	}{
		{"plain", floor.Config{Name: "one", Rootfs: "overlay:/:/u", Groups: "g"}, strings.Replace(common, "ROOT", "overlay:/:/u", 1)},
		{
			"with a user namespace and a policy",
			floor.Config{Name: "one", Rootfs: "dir:/r", Groups: "g", Range: idrange.Range{Start: 131072, Size: 65536}, Seccomp: "/p"},
			strings.Replace(common, "ROOT", "dir:/r", 1) + "lxc.idmap = u 0 131072 65536\nlxc.idmap = g 0 131072 65536\nlxc.seccomp.profile = /p\n",
		},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, string(test.config.Render())); diff != "" {
				t.Error(diff)
			}
		})
	}
}
