package faults

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sysctr/sysctr/manager/record"
)

// files: what is generated for containers is only there while they run.
func (l *look) files() {
	if l.moment == Broken {
		return
	}
	for _, place := range []struct {
		pattern string
		running bool // it is there while a container of its name runs
	}{
		{filepath.Join(l.Run, "seed", "*"), true}, {filepath.Join(l.Run, "lxc", "*") + "/", true}, {filepath.Join(l.Run, "rootfs", "*"), false},
		{filepath.Join(l.Run, "attach", "*"), false}, {filepath.Join(l.Run, ".*"), false}, {filepath.Join(l.Run, "*", ".*"), false},
		{filepath.Join(l.Run, "canary", "*"), false},
		{filepath.Join(l.Locks, l.Prefix+"*"), true}, {filepath.Join(l.Locks, "."+l.Prefix+"*"), true},
	} {
		paths, err := filepath.Glob(place.pattern)
		if err != nil {
			l.add("files", "%v", err)
		}
		for _, path := range paths {
			n := strings.TrimPrefix(filepath.Base(path), ".")
			if young(path) {
				continue
			}
			live, known := l.live[n]
			if place.running && known && live.Phase == record.PhaseRunning && l.exists(live.Init.PID) {
				continue
			}
			l.add(n, "%s is left", path)
		}
	}
}

// young tells whether a file is a temporary one of liblxc's directory that somebody may still be writing, who has no lock: the next one who writes takes
// it away when it is a minute old.
func young(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && filepath.Base(filepath.Dir(path)) == "lxc" && strings.Contains(path, ".tmp-") && time.Since(info.ModTime()) < time.Minute
}

// mounts: the containers' mounts are in namespaces of their own; in this one there are sysctr's directories, and nothing below them.
func (l *look) mounts() {
	table, err := os.ReadFile(filepath.Join(l.Proc, "self", "mountinfo"))
	if err != nil {
		l.add("mounts", "%v", err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && (strings.HasPrefix(fields[4], l.State+"/") || strings.HasPrefix(fields[4], l.Run+"/")) {
			l.add("mounts", "%s is mounted", fields[4])
		}
	}
}
