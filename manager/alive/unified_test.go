package alive_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/alive"
)

// unifiedTree is the group /web1 of a version 2 hierarchy that consists of plain files, so that figures can be made up.
func unifiedTree(t *testing.T, files map[string]string) (alive.Layout, alive.Tree) {
	t.Helper()
	mount := t.TempDir()
	layout, err := alive.ParseLayout(fmt.Appendf(nil, "31 23 0:28 / %s rw - cgroup2 cgroup2 rw\n", mount), []byte("0::/init.scope\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(mount, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	group, err := layout.At("web1")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := layout.Tree(group)
	if err != nil {
		t.Fatal(err)
	}
	return layout, tree
}

func TestUnifiedUsage(t *testing.T) {
	for _, test := range []struct {
		summary string
		files   map[string]string
		want    alive.Usage
	}{
		{
			"all controllers",
			map[string]string{"web1/memory.current": "8388608\n", "web1/cpu.stat": "nice_usec 3\nusage_usec 1500\nuser_usec 7\n", "web1/pids.current": "12\n"},
			alive.Usage{Memory: alive.Figure{Value: 8388608, OK: true}, CPU: alive.Figure{Value: 1500000, OK: true}, Pids: alive.Figure{Value: 12, OK: true}},
		},
		{
			"time alone, as without controllers",
			map[string]string{"web1/cpu.stat": "usage_usec 0\n"},
			alive.Usage{CPU: alive.Figure{OK: true}},
		},
		{
			"disks",
			map[string]string{"web1/io.stat": "254:0 rbytes=4096 wbytes=1 rios=1 wios=1 dbytes=9 dios=0\n8:0 \n254:16 rbytes=4 wbytes=2\n"},
			alive.Usage{Read: alive.Figure{Value: 4100, OK: true}, Write: alive.Figure{Value: 3, OK: true}},
		},
		{"no disk touched", map[string]string{"web1/io.stat": ""}, alive.Usage{Read: alive.Figure{OK: true}, Write: alive.Figure{OK: true}}},
		{
			"disks that overflow, or are none",
			map[string]string{"web1/io.stat": "254:0 rbytes=18446744073709551615 wbytes=-1\n8:0 rbytes=1 wbytes=5\n"},
			alive.Usage{},
		},
		{
			"nonsense",
			map[string]string{"web1/memory.current": "max\n", "web1/cpu.stat": "xusage_usec 5\n", "web1/pids.current": "-1\n"},
			alive.Usage{},
		},
		{
			"a time that overflows nanoseconds",
			map[string]string{"web1/cpu.stat": "usage_usec 18446744073709551615\n", "web1/pids.current": "18446744073709551616\n"},
			alive.Usage{},
		},
		{"gone", map[string]string{"other/pids.current": "1\n"}, alive.Usage{}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			_, tree := unifiedTree(t, test.files)
			if diff := cmp.Diff(test.want, tree.Usage()); diff != "" {
				t.Errorf("Usage (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnifiedFrozen(t *testing.T) {
	for content, want := range map[string]bool{
		"populated 1\nfrozen 1\n": true, "populated 1\nfrozen 0\n": false, "": false, "frozen\n": false, "unfrozen 1\n": false, "frozen 10\n": false,
	} {
		_, tree := unifiedTree(t, map[string]string{"web1/cgroup.events": content})
		if got, err := tree.Frozen(); err != nil || got != want {
			t.Errorf("%q: Frozen = %v, %v; want %v", content, got, err, want)
		}
	}
}

func TestUnifiedHas(t *testing.T) {
	layout, _ := unifiedTree(t, map[string]string{"cgroup.controllers": "cpuset cpu io memory pids\n"})
	for controller, want := range map[string]bool{"memory": true, "pids": true, "cpu": true, "mem": false, "cpus": false, "": false, "cpu io": false} {
		if got := layout.Has(controller); got != want {
			t.Errorf("Has(%q) = %v, want %v", controller, got, want)
		}
	}
	bare, _ := unifiedTree(t, nil)
	if bare.Has("memory") {
		t.Error("a hierarchy without a list of controllers has one")
	}
}

// TestProcessesOfAList holds that only ids of processes are taken from a list: 0 is a process that the reader does not see, and a signal to it
// would go to the reader's own group.
func TestProcessesOfAList(t *testing.T) {
	_, tree := unifiedTree(t, map[string]string{
		"web1/cgroup.procs":     "0\n30\n0\n7\n",
		"web1/a/cgroup.procs":   "30\n-5\nx\n\n99999999999999999999\n",
		"web1/a/b/cgroup.procs": "8",
		"web2/cgroup.procs":     "1\n",
	})
	if got, err := tree.Processes(); err != nil || !slices.Equal(got, []int{7, 8, 30}) {
		t.Errorf("Processes = %v, %v", got, err)
	}
}

// TestTreeStaysOnItsMount holds that no link below a mount leads the operations elsewhere.
func TestTreeStaysOnItsMount(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "cgroup.procs"), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	layout, tree := unifiedTree(t, map[string]string{"other/x": ""})
	if err := os.Symlink(outside, filepath.Join(layout.Mounts()[""], "web1")); err != nil {
		t.Fatal(err)
	}
	if pids, err := tree.Processes(); err == nil {
		t.Errorf("Processes through a link = %v", pids)
	}
	if ok, err := tree.Exists(); err == nil {
		t.Errorf("Exists through a link = %v", ok)
	}
}

func BenchmarkSweep(b *testing.B) {
	p := newPlace(b)
	if err := p.tree.Remove(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("nothing there", func(b *testing.B) {
		for b.Loop() {
			if ok, err := p.tree.Exists(); ok || err != nil {
				b.Fatal(ok, err)
			}
		}
	})
	b.Run("empty groups", func(b *testing.B) {
		for b.Loop() {
			for key := range p.group {
				p.mkdir(b, key, "")
			}
			if err := p.tree.Remove(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
