package e2e_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalCapacity measures what containers at rest take of the host against what doctor counts for each, and lets create and doctor refuse
// more of them than any host holds.
func TestLocalCapacity(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	t.Run("refusal", func(t *testing.T) { localRefusal(t, l) })
	// Those of isolation shared are counted for what the kernel counts for each user, too.
	for profile, text := range map[string]string{"system": "", "command": "command: [/bin/sleep, inf]\n"} {
		write(t, "/etc/sysctr/profiles/"+profile+"-shared.yaml", "extends: "+profile+"\nisolation: shared\n"+text, 0o644)
		profile += "-shared"
		t.Run(profile, func(t *testing.T) {
			names := l.name(profile[:1] + "<1..3>")
			l.must(t, "create", names, "--start", "--profile", profile)
			figures := l.figures(t, profile)
			var took, over map[string]int64
			until(t, "three containers at rest take what doctor counts", func() bool {
				took = l.weigh(t, profile[:1])
				over = map[string]int64{}
				for name, n := range took {
					if each, counted := figures[name]; !counted || n > 3*each {
						over[name] = n
					}
				}
				t.Logf("three take %v, more than is counted of %v", took, over)
				return len(over) == 0
			})
			l.must(t, "destroy", names, "--yes", "--force")
		})
	}
}

func localRefusal(t *testing.T, l *local) {
	t.Helper()
	before := listing(t, stateDir)
	r := l.run(t, "create", l.name("<1..10000>"))
	if r.Code != 7 || r.Stdout != "" || !strings.Contains(r.Stderr, "these are 10000") || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("creating 10000 ends with %d: %.200q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if after := listing(t, stateDir); len(after) != len(before) {
		t.Errorf("a refused creation left %d paths of %d", len(after), len(before))
	}
	if r := l.run(t, "doctor", "--capacity", "10000"); r.Code != 7 || !strings.Contains(r.Stdout, "id ranges") || !strings.Contains(r.Stderr, "cannot hold 10000 more") {
		t.Errorf("doctor --capacity 10000: %+v", r)
	}
	if r := l.run(t, "doctor", "--capacity", "10"); r.Code != 0 || !strings.Contains(r.Stdout, "more system containers") {
		t.Errorf("doctor --capacity 10: %+v", r)
	}
	for _, wrong := range []string{"-1", "many", "10000001"} {
		if r := l.run(t, "doctor", "--capacity="+wrong); r.Code != 2 {
			t.Errorf("doctor --capacity=%s: %+v", wrong, r)
		}
	}
}

// figures are what doctor counts for a container of a profile, by resource.
func (l *local) figures(t *testing.T, profile string) map[string]int64 {
	t.Helper()
	var found struct {
		Items []struct {
			Check    string
			Capacity *struct{ Each int64 }
		}
	}
	if err := json.Unmarshal([]byte(l.must(t, "doctor", "-o", "json", "--profile", profile)), &found); err != nil {
		t.Fatal(err)
	}
	figures := map[string]int64{}
	for _, f := range found.Items {
		if f.Capacity != nil {
			figures[f.Check] = f.Capacity.Each
		}
	}
	return figures
}

// weigh measures what the containers whose names begin with a word take, monitors included.
func (l *local) weigh(t *testing.T, word string) map[string]int64 {
	t.Helper()
	took := map[string]int64{}
	namespaces := map[string]map[string]bool{}
	for _, p := range l.processes("") {
		proc := fmt.Sprintf("/proc/%d/", p.pid)
		threads, _ := os.ReadDir(proc + "task")
		took["process ids"] += int64(len(threads))
		took["threads"] += int64(len(threads))
		files, _ := os.ReadDir(proc + "fd")
		took["open files"] += int64(len(files))
		for _, f := range files {
			switch to, _ := os.Readlink(proc + "fd/" + f.Name()); {
			case to == "anon_inode:inotify":
				took["inotify instances"]++
				info, _ := os.ReadFile(proc + "fdinfo/" + f.Name())
				took["inotify watches"] += int64(strings.Count(string(info), "inotify wd:"))
			case strings.HasSuffix(to, "/ptmx"):
				took["terminals"]++
			}
		}
		for kind, name := range map[string]string{"user": "user", "mnt": "mount", "net": "network", "pid": "pid", "uts": "uts", "ipc": "ipc", "cgroup": "cgroup"} {
			to, _ := os.Readlink(proc + "ns/" + kind)
			if own, _ := os.Readlink("/proc/self/ns/" + kind); to == "" || to == own {
				continue
			}
			if namespaces[name] == nil {
				namespaces[name] = map[string]bool{}
			}
			namespaces[name][to] = true
		}
	}
	for name, distinct := range namespaces {
		took[name+" namespaces"] = int64(len(distinct))
	}
	deltas, err := filepath.Glob(stateDir + "/containers/" + l.prefix + word + "*")
	if err != nil || len(deltas) != 3 {
		t.Fatalf("the containers on disk are %v (%v)", deltas, err)
	}
	for _, dir := range deltas {
		took["inodes"] += inodes(t, dir)
	}
	return took
}

func inodes(t *testing.T, dir string) int64 {
	t.Helper()
	var n int64
	if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { n++; return err }); err != nil {
		t.Fatal(err)
	}
	return n
}
