package alive

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// parseMemberships reads the text of /proc/PID/cgroup: hierarchy -> absolute path. The kernel lets no newline into a name.
func parseMemberships(content []byte) (map[string]string, error) {
	memberships := map[string]string{}
	for line := range bytes.Lines(content) {
		fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(fields) != 3 || !strings.HasPrefix(fields[2], "/") {
			return nil, fmt.Errorf("no cgroup membership: %.80q", line)
		}
		controllers := strings.Split(fields[1], ",")
		slices.Sort(controllers)
		memberships[strings.Join(controllers, ",")] = path.Clean(fields[2])
	}
	return memberships, nil
}

// below returns name relative to root, both absolute and clean, as an absolute path; false if it does not lie below.
func below(root, name string) (string, bool) {
	if root == name {
		return "/", true
	}
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(root, "/"))
	if !ok || !strings.HasPrefix(rest, "/") {
		return "", false
	}
	return rest, true
}

// cgroupMount is one line of mountinfo that mounts a cgroup file system.
type cgroupMount struct {
	root, point string
	unified     bool
	options     []string // of the superblock; among them the controllers
}

// carries reports whether the mount is of the hierarchy with this key.
func (m cgroupMount) carries(key string) bool {
	if m.unified || key == "" {
		return m.unified && key == ""
	}
	for controller := range strings.SplitSeq(key, ",") {
		if !slices.Contains(m.options, controller) {
			return false
		}
	}
	return true
}

// parseMounts picks the cgroup mounts out of the text of /proc/PID/mountinfo; lines it does not understand are no cgroup mounts.
func parseMounts(content []byte) []cgroupMount {
	var mounts []cgroupMount
	for line := range bytes.Lines(content) {
		front, back, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " - ")
		fields, tail := strings.Split(front, " "), strings.Split(back, " ")
		if !ok || len(fields) < 6 || len(tail) < 3 || (tail[0] != "cgroup" && tail[0] != "cgroup2") {
			continue
		}
		m := cgroupMount{root: unescape(fields[3]), point: unescape(fields[4]), unified: tail[0] == "cgroup2", options: strings.Split(tail[2], ",")}
		if path.IsAbs(m.root) && path.IsAbs(m.point) && path.Clean(m.root) == m.root && path.Clean(m.point) == m.point {
			mounts = append(mounts, m)
		}
	}
	return mounts
}

// unescape undoes the octal escapes of mountinfo: \040 and the like.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
