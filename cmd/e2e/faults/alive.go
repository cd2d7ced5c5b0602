package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

func readRange(path string) (idrange.Range, bool) {
	var head struct {
		Range idrange.Range `json:"range"`
	}
	text, err := os.ReadFile(path)
	return head.Range, err == nil && json.Unmarshal(text, &head) == nil
}

// lives: a liveness file is whole, is of a container that exists, and what it says is so.
func (l *look) lives() {
	l.live = map[string]record.Live{}
	entries, err := os.ReadDir(filepath.Join(l.Run, "containers"))
	if err != nil && !os.IsNotExist(err) {
		l.add("liveness", "cannot be read: %v", err)
	}
	for _, e := range entries {
		n := e.Name()
		if _, ok := l.records[n]; !ok && l.moment != Broken {
			l.add(n, "there is no such container, and its liveness directory is left")
			continue
		}
		live, err := record.OpenLive(l.Run, l.Boot).Load(n)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if l.moment != Broken {
				l.add(n, "its liveness directory is left")
			}
			continue
		case err != nil:
			l.add(n, "its liveness file cannot be used: %v", err)
			continue
		}
		l.live[n] = live
		l.one(n, live)
		l.entries(n, filepath.Join(l.Run, "containers", n), "live.json", "notify")
	}
}

// one: a container that is said to run does, and is as confined as its record says.
func (l *look) one(n string, live record.Live) {
	if l.moment == Rest && live.Phase != record.PhaseRunning && live.Stopped == "" {
		l.add(n, "it is left %s", live.Phase)
	}
	if live.Phase != record.PhaseRunning || !l.exists(live.Init.PID) {
		return
	}
	if l.moment == Rest && !l.exists(live.Monitor.PID) {
		l.add(n, "it runs without its monitor")
	}
	rec, ok := l.records[n]
	if !ok {
		l.add(n, "it runs, and there is no such container")
		return
	}
	if what := l.confined(live.Init.PID, rec); what != "" {
		l.add(n, "it runs with more than its record gives: %s", what)
	}
}

func (l *look) exists(pid int) bool {
	state := l.status(pid)["State"]
	return state != "" && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// status reads proc_pid_status(5).
func (l *look) status(pid int) map[string]string {
	fields := map[string]string{}
	text, err := os.ReadFile(filepath.Join(l.Proc, strconv.Itoa(pid), "status"))
	if err != nil || pid == 0 {
		return fields
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		fields[key] = strings.TrimSpace(value)
	}
	return fields
}

// confined returns what is wrong with the confinement of a process of a container, or nothing.
func (l *look) confined(pid int, rec record.Record) string {
	dir := filepath.Join(l.Proc, strconv.Itoa(pid))
	want := fmt.Sprintf("0 %d %d", rec.Range.Start, rec.Range.Size)
	if rec.Spec.Isolation == profiles.Privileged {
		want = "0 0 4294967295"
	}
	for _, file := range []string{"uid_map", "gid_map"} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if got := strings.Join(strings.Fields(string(text)), " "); err == nil && got != want {
			return fmt.Sprintf("its %s is %q and not %q", file, got, want)
		}
	}
	status := l.status(pid)
	if status["State"] == "" {
		return "" // it has ended
	}
	if status["Seccomp"] != "2" {
		return "no system call filter is on"
	}
	has, err := strconv.ParseUint(status["CapBnd"], 16, 64)
	if err != nil {
		return "its bounding set cannot be read"
	}
	for _, capability := range lxc.Dropped(rec.Spec) {
		if has&(1<<slices.Index(profiles.Capabilities(), capability)) != 0 {
			return "it has the capability " + capability
		}
	}
	var own, its unix.Stat_t
	if unix.Stat(filepath.Join(dir, "root"), &its) == nil && unix.Stat(filepath.Join(l.Proc, "1", "root"), &own) == nil && own.Dev == its.Dev {
		return "its root is the host's"
	}
	return ""
}

// processes: each one is of a container that is known to run, or of a start that the next verb finds; and what runs in a container is confined.
func (l *look) processes() {
	for _, dir := range l.Groups {
		groups, err := filepath.Glob(filepath.Join(dir, l.Prefix+"*"))
		if err != nil {
			l.add("control groups", "%v", err)
		}
		for _, group := range groups {
			l.group(group, filepath.Base(dir) == "c")
		}
	}
	for _, pid := range l.own() {
		n, title := l.monitored(pid)
		switch live, known := l.live[n]; {
		case !title:
			l.add("sysctr", "process %d is still at work: %q", pid, l.command(pid))
		case l.moment == Broken && (known || l.draft(n)):
		case l.moment != Broken && known && live.Monitor.PID == pid && l.exists(live.Init.PID):
		default:
			l.add(n, "nobody will end its monitor, process %d", pid)
		}
	}
}

// draft tells whether a container of this name is being made or taken away.
func (l *look) draft(n string) bool {
	return slices.ContainsFunc(l.drafts, func(d string) bool { return strings.HasPrefix(d, ".new-"+n) || strings.HasPrefix(d, ".trash-"+n+"-") })
}

// group looks at one control group, of a container or of its monitor.
func (l *look) group(dir string, contained bool) {
	n := filepath.Base(dir)
	live, known := l.live[n]
	if l.moment != Broken && !(known && live.Phase == record.PhaseRunning && l.exists(live.Init.PID)) {
		l.add(n, "its control group %s is left", dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil || len(text) == 0 {
		return
	}
	rec, exists := l.records[n]
	if !exists || !known {
		l.add(n, "processes run in %s, and no verb finds them", dir)
		return
	}
	for _, word := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(word)
		exe, exeErr := os.Readlink(filepath.Join(l.Proc, word, "exe"))
		if err != nil || exeErr != nil || exe == l.Binary || !contained {
			continue // not a program of the container's, or not yet
		}
		if what := l.confined(pid, rec); what != "" {
			l.add(n, "process %d in it has more than the record gives: %s", pid, what)
		}
	}
}

// own returns the processes that run sysctr, in order.
func (l *look) own() []int {
	entries, err := os.ReadDir(l.Proc)
	if err != nil {
		l.add("proc", "%v", err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		exe, _ := os.Readlink(filepath.Join(l.Proc, e.Name(), "exe"))
		if err == nil && exe == l.Binary && l.exists(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (l *look) command(pid int) string {
	text, _ := os.ReadFile(filepath.Join(l.Proc, strconv.Itoa(pid), "cmdline"))
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}

// monitored returns the container of a monitor, and whether it is one.
func (l *look) monitored(pid int) (string, bool) {
	line, ok := strings.CutPrefix(l.command(pid), "[lxc monitor] ")
	return line[strings.LastIndexByte(line, ' ')+1:], ok
}
