package evidence_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/evidence"
)

// TestHeld has processes hold files of the base in every way, and the host replace them in every way.
func TestHeld(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	names := []string{"kept", "gone", "alias", "deleted", "hidden", "status", "other", "apart", "twin"}
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = dir + name
		write(t, filepath.Join(base, paths[i]), "old", 0o644)
	}
	at := func(name string) string { return filepath.Join(base, dir, name) }
	must(t, os.Link(at("twin"), at("twin2")))
	write(t, at("unlisted"), "old", 0o644)
	c := newContainer(t, base)
	for _, name := range append(names, "unlisted") {
		how := "map"
		switch name {
		case "twin":
			continue
		case "status", "gone":
			how = "open"
		case "apart":
			how = "open apart"
		}
		c.do(how, dir+name)
	}
	c.do("map", dir+"twin2")
	c.do("write", "/own", "own")
	c.do("map", "/own")
	c.do("remove", "/own")
	c.do("remove", dir+"deleted")
	c.do("remove", dir+"hidden")
	c.do("write", dir+"hidden", "own")
	before := remember(t, base, paths...)
	must(t, os.Link(at("kept"), at("kept.backup")))
	for _, name := range append(names, "unlisted") {
		replace(t, base, dir+name, "newer", 0o644)
	}
	must(t, os.Remove(at("gone")))
	changed := before.changed(t)
	for i := range changed {
		changed[i].Database = changed[i].Path == dir+"status"
	}
	r := c.look(changed)
	for name, want := range map[string][]evidence.Kind{
		"kept":     {evidence.Mapped, evidence.Answers}, // the old file has a link left
		"gone":     {evidence.Gone, evidence.Lingers},
		"alias":    {evidence.Mapped, evidence.Answers},
		"twin":     {}, // the host, too, still has the old file by its other name
		"twin2":    {},
		"deleted":  {evidence.Mapped, evidence.Missing},
		"hidden":   {evidence.Mapped, evidence.Answers},
		"status":   {},
		"other":    {evidence.Mapped, evidence.Answers},
		"apart":    {evidence.Open, evidence.Answers},
		"unlisted": {evidence.Mapped}, // changed after the list was made
	} {
		c.found(r, dir+name, want...)
	}
	for _, f := range r.Findings {
		if f.PID != 0 && (f.PID != c.subject.Init.PID || f.Comm != "init") {
			t.Errorf("of process %d %q, want %d init: %+v", f.PID, f.Comm, c.subject.Init.PID, f)
		}
		if strings.HasSuffix(f.Path, "/own") {
			t.Errorf("the container's own file: %+v", f)
		}
	}
}

// TestInterpreters starts programs called like interpreters before and after modules and scripts change.
func TestInterpreters(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	for _, program := range []string{"python3.11", "perl", "server"} {
		supply(t, base, "usr/bin/"+program)
	}
	script, module, link := dir+"script", "/usr/lib/python3/dist-packages/module.py", dir+"link"
	for _, path := range []string{script, module} {
		write(t, filepath.Join(base, path), "old", 0o755)
	}
	must(t, os.Symlink("script", filepath.Join(base, link)))
	c := newContainer(t, base)
	c.do("run", "/usr/bin/python3.11", "python3", "-u", "unrelated")
	c.do("run", "/usr/bin/perl", "perl", "-w", link)
	c.do("run", "/usr/bin/server", "server", "-c", script)
	library := dir + "libpython3.11.so.1.0"
	write(t, filepath.Join(base, library), "library", 0o644)
	c.do("map", library)
	before := remember(t, base, script, module)
	replace(t, base, script, "new", 0o755)
	replace(t, base, module, "new", 0o644)
	r := c.look(before.changed(t))
	var interpreters []string
	for _, f := range r.Findings {
		if f.Kind == evidence.Interpreter && f.Path == module && f.PID != 0 {
			interpreters = append(interpreters, f.Comm)
		}
	}
	if len(interpreters) != 2 || !slices.Contains(interpreters, "python3.11") { // and what maps the library
		t.Errorf("the interpreter's module: %q in %+v", interpreters, r)
	}
	var scripts []string
	for _, f := range r.Findings {
		if f.Kind == evidence.Script && f.Path == script {
			scripts = append(scripts, f.Comm)
		}
	}
	if got := strings.Join(scripts, " "); got != "perl server" {
		t.Errorf("started with the script: %q in %+v", got, r)
	}
	late := before.changed(t)
	for i := range late { // as if the programs had been started long after the patch
		late[i].Now.Ctime = late[i].Now.Ctime.Add(-time.Hour)
	}
	for _, f := range c.look(late).Findings {
		if f.Kind == evidence.Interpreter || f.Kind == evidence.Script {
			t.Errorf("started after the patch: %+v", f)
		}
	}
}

// TestMonitor has a process on the host's own root be the monitor.
func TestMonitor(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	c := newContainer(t, base)
	library := filepath.Join(t.TempDir(), "liblxc.so.1")
	write(t, library, "old", 0o644)
	monitor := &host{c: &container{t: t}}
	monitor.start(t)
	c.subject.Monitor = monitor.process
	monitor.c.do("map", library)
	before := remember(t, "/", library)
	if r := c.lookOn("/", before.changed(t)); len(kinds(r, library)) != 1 { // the path is missing in this container
		t.Fatalf("before the patch: %+v", r)
	}
	replace(t, filepath.Dir(library), filepath.Base(library), "newer", 0o644)
	for _, listed := range []bool{true, false} {
		changed := before.changed(t)
		if !listed {
			changed = nil
		}
		r := c.lookOn("/", changed)
		f, ok := kinds(r, library)[evidence.Monitor]
		if !ok || f.PID != monitor.process.PID {
			t.Errorf("listed=%v: %+v", listed, r)
		}
	}
}

// host is a process on this machine's own root that does as it is told.
type host struct {
	c       *container
	process alive.Process
}

func (h *host) start(t testing.TB) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{insideVariable + "=1"}
	h.c.run(cmd)
	var err error
	if h.process, err = alive.Look(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
}

// TestLeaderless has a process whose first thread has ended: its maps are empty, and those of its other threads are not.
func TestLeaderless(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	write(t, filepath.Join(base, dir, "library"), "old", 0o644)
	c := newContainer(t, base)
	c.do("leaderless", "/usr/bin/init", dir+"library")
	pid := c.zombie()
	before := remember(t, base, dir+"library")
	replace(t, base, dir+"library", "new", 0o644)
	r := c.look(before.changed(t))
	if f := kinds(r, dir+"library")[evidence.Mapped]; f.PID != pid {
		t.Errorf("mapped by %d, want %d: %+v", f.PID, pid, r)
	}
}

// zombie waits until a process of the container looks dead, and returns its id.
func (c *container) zombie() int {
	c.t.Helper()
	layout, err := alive.ReadLayout()
	must(c.t, err)
	tree, err := layout.Tree(c.subject.Group)
	must(c.t, err)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pids, err := tree.Processes()
		must(c.t, err)
		for _, pid := range pids {
			if stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(stat), ") Z ") {
				return pid
			}
		}
	}
	c.t.Fatal("no first thread has ended within 10 s")
	return 0
}
