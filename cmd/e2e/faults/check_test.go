package faults_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/faults"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// model is a world of files: one container that runs (a1) and one that is stopped (b1), as they should be.
type model struct {
	faults.World
	t *testing.T
}

func newModel(t *testing.T) model {
	t.Helper()
	dir := t.TempDir()
	m := model{t: t, World: faults.World{
		State: dir + "/state", Run: dir + "/run", Proc: dir + "/proc", Groups: []string{dir + "/groups/c", dir + "/groups/mon"}, Locks: dir + "/locks",
		Boot: bootID(t), Binary: "/bin/sysctr-of-the-test", Marks: map[string][]faults.Mark{"b1": {
			{Path: "mark", Content: "mine"}, {Path: "taken", Content: "in the trash", Taken: true},
		}},
	}}
	m.container("a1", 1)
	m.container("b1", 2)
	m.put(m.State+"/containers/b1/delta/upper/mark", "mine")
	m.put(m.State+"/containers/b1/delta/trash/1/0", "in the trash")
	m.process(1, "", "", 0)
	m.process(100, "[lxc monitor] /run/sysctr/lxc a1", m.Binary, 0)
	m.process(101, "/sbin/init", "/usr/lib/systemd/systemd", 1)
	m.put(m.Proc+"/self/mountinfo", "1 1 0:1 / /proc rw - proc proc rw\number 1 0:2 / "+m.Run+" rw - tmpfs tmpfs rw\n")
	m.live("a1", record.PhaseRunning)
	m.put(m.Groups[0]+"/a1/cgroup.procs", "101\n")
	m.put(m.Groups[1]+"/a1/cgroup.procs", "100\n")
	return m
}

func bootID(t *testing.T) string {
	t.Helper()
	id, err := alive.BootID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (m model) put(path, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m model) remove(path string) {
	m.t.Helper()
	if err := os.RemoveAll(path); err != nil {
		m.t.Fatal(err)
	}
}

// ids is the n-th range of the pool.
func ids(n int) idrange.Range {
	return idrange.Range{Start: idrange.Default().Start + uint32(n)*idrange.Size, Size: idrange.Size}
}

func (m model) container(n string, number int) {
	m.t.Helper()
	var library profiles.Library
	spec, err := library.Resolve("command", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	err = record.Open(m.State).Create(record.New(n, spec, ids(number), time.Unix(1, 0)), func(dir string) error { return os.MkdirAll(dir+"/delta/upper", 0o700) })
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m model) live(n string, phase record.Phase) {
	m.t.Helper()
	err := record.OpenLive(m.Run, m.Boot).Save(n, record.Live{
		Phase: phase, Started: time.Unix(1, 0).UTC(), Init: alive.Process{PID: 101, Start: 1}, Monitor: alive.Process{PID: 100, Start: 1},
	})
	if err != nil {
		m.t.Fatal(err)
	}
}

// process makes a directory like one of proc(5), of a process whose ids are mapped to the n-th range, or not at all.
func (m model) process(pid int, line, exe string, n int) {
	m.t.Helper()
	dir := filepath.Join(m.Proc, strconv.Itoa(pid))
	idMap := "0 0 4294967295"
	if n > 0 {
		idMap = "         0 " + strconv.Itoa(int(ids(n).Start)) + "      65536"
	}
	m.put(dir+"/uid_map", idMap+"\n")
	m.put(dir+"/gid_map", idMap+"\n")
	m.put(dir+"/status", "Name:\tx\nState:\tS (sleeping)\nSeccomp:\t2\nCapBnd:\t0000000000000000\n")
	m.put(dir+"/cmdline", line+"\x00")
	m.remove(dir + "/exe")
	root := "/proc" // another device than the host's
	if pid == 1 {
		root = "/"
	}
	for link, to := range map[string]string{"exe": exe, "root": root} {
		m.remove(dir + "/" + link)
		if err := os.Symlink(to, dir+"/"+link); to != "" && err != nil {
			m.t.Fatal(err)
		}
	}
}

// TestCheck breaks each invariant once. Every break is found, and nothing else.
func TestCheck(t *testing.T) {
	const rest, broken = faults.Rest, faults.Broken
	for _, test := range []struct {
		summary string
		moment  faults.Moment
		spoil   func(m model)
		want    string // part of the only finding; empty: there is none
	}{
		{"as it should be", rest, func(model) {}, ""},
		{"as it should be, while more may be", broken, func(model) {}, ""},
		{"a damaged record", broken, func(m model) { m.put(m.State+"/containers/b1/record.json", "{") }, "record cannot be used"},
		{"no delta", broken, func(m model) { m.container("c1", 3); m.remove(m.State + "/containers/c1/delta") }, "no delta"},
		{"a directory that is nobody's", broken, func(m model) { m.put(m.State+"/containers/X/x", "") }, "no container, no draft"},
		{"a draft, right after", broken, func(m model) { m.put(m.State+"/containers/.new-c1/x", "") }, ""},
		{"a draft, later", rest, func(m model) { m.put(m.State+"/containers/.new-c1/x", "") }, "not been swept"},
		{"trash, later", rest, func(m model) { m.put(m.State+"/containers/.trash-c1-0123456789abcdef/x", "") }, "not been swept"},
		{"a temporary record", rest, func(m model) { m.put(m.State+"/containers/b1/.record.json.tmp-1", "") }, ".record.json.tmp-1 is left"},
		{"ids owned twice", broken, func(m model) { m.container("c1", 2) }, "and c1 has"},
		{"ids owned by trash too", broken, func(m model) {
			m.put(m.State+"/containers/.trash-c1-0123456789abcdef/record.json", `{"range":{"start":`+strconv.Itoa(int(ids(2).Start)+9)+`,"size":10}}`)
		}, "and b1 has"},
		{"a lost file", broken, func(m model) { m.remove(m.State + "/containers/b1/delta/upper/mark") }, "has lost mark"},
		{"a file that is neither here nor there", broken, func(m model) { m.remove(m.State + "/containers/b1/delta/trash") }, "has lost taken"},
		{"a file in the trash that nobody threw away", broken, func(m model) {
			m.remove(m.State + "/containers/b1/delta/upper/mark")
			m.put(m.State+"/containers/b1/delta/trash/1/1", "mine")
		}, "has lost mark"},
		{"a changed file", broken, func(m model) { m.put(m.State+"/containers/b1/delta/upper/mark", "min") }, "has lost mark"},
		{"another's ids", broken, func(m model) { m.put(m.Proc+"/101/gid_map", "0 1 2\n"); m.remove(m.Groups[0]) }, "its gid_map"},
		{"no filter", broken, func(m model) { m.status("Seccomp:\t2", "Seccomp:\t0"); m.remove(m.Groups[0]) }, "no system call filter"},
		{"a capability", broken, func(m model) {
			m.status("CapBnd:\t0000000000000000", "CapBnd:\t0000000000010000")
			m.remove(m.Groups[0])
		}, "sys_module"},
		{"the host's root", broken, func(m model) { m.link(m.Proc+"/101/root", "/"); m.remove(m.Groups[0]) }, "its root is the host's"},
		{"a process in it that is not confined", broken, func(m model) {
			m.process(102, "/bin/sh", "/bin/sh", 0)
			m.put(m.Groups[0]+"/a1/cgroup.procs", "101\n102\n")
		}, "process 102 in it"},
		{"processes that nobody knows", broken, func(m model) { m.put(m.Groups[0]+"/c1/cgroup.procs", "101\n") }, "no verb finds them"},
		{"a monitor that nobody knows", broken, func(m model) { m.process(103, "[lxc monitor] /run/sysctr/lxc c1", m.Binary, 0) }, "nobody will end its monitor"},
		{"a command at work", broken, func(m model) { m.process(104, "/bin/sysctr create", m.Binary, 0) }, "still at work"},
		{"no monitor", rest, func(m model) { m.remove(m.Proc + "/100"); m.remove(m.Groups[1]) }, "without its monitor"},
		{"left stopping", rest, func(m model) { m.live("b1", record.PhaseStopping) }, "left stopping"},
		{"a damaged liveness file", broken, func(m model) { m.put(m.Run+"/containers/b1/live.json", "{") }, "liveness file cannot be used"},
		{"a liveness directory of nobody", rest, func(m model) { m.put(m.Run+"/containers/c1/x", "") }, "no such container"},
		{"a control group", rest, func(m model) { m.put(m.Groups[1]+"/b1/x", "") }, "control group"},
		{"a seed", rest, func(m model) { m.put(m.Run+"/seed/b1/x", "") }, "seed/b1 is left"},
		{"a file that is being written", rest, func(m model) { m.put(m.Run+"/lxc/.policy.tmp-1", "") }, ""},
		{"a file that nobody writes any more", rest, func(m model) {
			path := m.Run + "/lxc/.policy.tmp-1"
			m.put(path, "")
			if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Minute)); err != nil {
				m.t.Fatal(err)
			}
		}, ".policy.tmp-1 is left"},
		{"a lock file", rest, func(m model) { m.put(m.Locks+"/.b1", "") }, ".b1 is left"},
		{"a mount", broken, func(m model) { m.put(m.Proc+"/self/mountinfo", "1 1 0:1 / "+m.Run+"/rootfs/b1 rw - overlay x rw\n") }, "is mounted"},
		{"a mount of somebody else", broken, func(m model) { m.put(m.Proc+"/self/mountinfo", "1 1 0:1 / "+m.Run+"x/y rw - overlay x rw\n") }, ""},
	} {
		t.Run(test.summary, func(t *testing.T) {
			m := newModel(t)
			test.spoil(m)
			found := m.Check(test.moment)
			if test.want == "" && len(found) == 0 || test.want != "" && len(found) == 1 && strings.Contains(found[0].String(), test.want) {
				return
			}
			t.Errorf("found are %q, want one with %q", found, test.want)
		})
	}
}

// TestCheckEmpty: after every container was destroyed, each part of one is a finding.
func TestCheckEmpty(t *testing.T) {
	m := newModel(t)
	m.Marks = nil
	var what []string
	for _, f := range m.Check(faults.Empty) {
		what = append(what, f.String())
	}
	all := strings.Join(what, "\n")
	for _, want := range []string{"a1: still exists", "b1: still exists", "a1: its control group", "a1: there is no such container", "a1: nobody will end its monitor"} {
		if !strings.Contains(all, want) {
			t.Errorf("not found: %s; found are\n%s", want, all)
		}
	}
	for _, dir := range []string{m.State, m.Run, m.Proc + "/100", m.Groups[0], m.Groups[1]} {
		m.remove(dir)
	}
	if found := m.Check(faults.Empty); len(found) > 0 {
		t.Errorf("of nothing at all: %q", found)
	}
}

func (m model) status(old, changed string) {
	m.t.Helper()
	path := m.Proc + "/101/status"
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), old) {
		m.t.Fatalf("%q, %v", text, err)
	}
	m.put(path, strings.ReplaceAll(string(text), old, changed))
}

func (m model) link(path, to string) {
	m.t.Helper()
	m.remove(path)
	if err := os.Symlink(to, path); err != nil {
		m.t.Fatal(err)
	}
}
