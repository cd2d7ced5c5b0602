package faults_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// shapes are those of a verb's containers after a run without a fault, by name.
type shapes map[string][]string

// shape is what confines a container's first process: its mounts with their options, and its privileges. Of systemd's own mounts nothing is told.
// One that has just ended has none.
func (r *round) shape(n string) []string {
	r.t.Helper()
	init, _ := r.pids(n)
	var first int // of its ids on the host
	if _, err := fmt.Sscan(proc(init, "uid_map"), new(int), &first); err != nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(proc(init, "mountinfo")) {
		f := strings.Fields(line)
		if len(f) < 9 || strings.HasPrefix(f[4], "/dev/") || f[4] == "/proc/sys/kernel/random/boot_id" || r.verb.profile == "system" && !strings.HasPrefix(f[4], "/proc") {
			continue
		}
		tail := f[slices.Index(f, "-")+1:]
		lines = append(lines, fmt.Sprintf("%s is %s of %s, %s", f[4], strings.ReplaceAll(f[3], n, "NAME"), tail[0], f[5]))
	}
	for line := range strings.Lines(proc(init, "status")) {
		key, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		switch key {
		case "Uid", "Gid", "Groups":
			for i, w := range words {
				id, _ := strconv.Atoi(w)
				words[i] = strconv.Itoa(id - first)
			}
		case "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters":
		default:
			continue
		}
		lines = append(lines, key+" is "+strings.Join(words, " "))
	}
	slices.Sort(lines)
	return lines
}

// Whether liblxc could read which capabilities there are decides of some mounts. If not, it takes the container for one without CAP_SYS_ADMIN and
// CAP_NET_ADMIN: it mounts the container's own groups for it, as it does for every one where cgroup v2 is alone and as the container's
// root can do, and leaves out a /proc/sys/net of its own. So the former may be too much and the latter too little.
var ownGroups = regexp.MustCompile(`^/sys/fs/cgroup(/\S+)? is (/ of tmpfs|/sysctr/c/NAME of cgroup2?), `)

const ownNet = "/proc/sys/net is /sys/net of proc, "

func proc(pid int, file string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file)) // it may have ended
	return string(text)
}

// unlike compares the containers that run with those of a run without a fault: whatever failed on the way, they are as confined. The first call
// remembers them. liblxc goes on without a device of /dev and without the boot's own id: that takes from a container, and gives it nothing.
func (r *round) unlike() []string {
	r.t.Helper()
	var differ []string
	for n, state := range r.states() {
		if state != "running" || !slices.Contains(r.names(), n) {
			continue
		}
		is, was := r.shape(n), r.shapes[n]
		if was == nil {
			r.shapes[n] = is
		}
		if is == nil || was == nil {
			continue
		}
		for _, line := range is {
			if !slices.Contains(was, line) && !ownGroups.MatchString(line) {
				differ = append(differ, n+" has too much: "+line)
			}
		}
		for _, line := range was {
			if !slices.Contains(is, line) && !strings.HasPrefix(line, ownNet) {
				differ = append(differ, n+" has too little: "+line)
			}
		}
	}
	return differ
}
