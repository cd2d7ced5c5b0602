package evidence

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// world is what a child knows of the host while it looks at containers.
type world struct {
	host    *os.File // the host's root directory
	hostDev uint64
	changed []Changed
	byPath  map[string]*Changed
	byNow   map[file]*Changed      // the files that are there now
	byFile  map[file]*Changed      // what was replaced or removed, by what it was
	merged  map[string]string      // "/bin/" -> "/usr/bin/", where the host has such a link
	modules map[*language]*Changed // the newest changed module of each language
	booted  time.Time              // when the host started, on the clock that files' times come from
}

// file is a former file. The size is there because filesystems use inode numbers again.
type file struct{ ino, size uint64 }

func newWorld(root string, changed []Changed) (*world, error) {
	if root == "" {
		root = "/"
	}
	dir, err := os.OpenFile(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &world{
		host: dir, changed: changed, byPath: make(map[string]*Changed, len(changed)), byFile: make(map[file]*Changed, len(changed)),
		byNow: map[file]*Changed{}, merged: map[string]string{}, modules: map[*language]*Changed{},
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return nil, err
	}
	w.hostDev = st.Dev
	for i := range changed {
		c := &changed[i]
		w.byPath[c.Path] = c
		if c.Old && !c.inPlace() {
			w.byFile[file{c.OldIno, c.OldSize}] = c
		}
		if c.Now.Exists && c.Now.Type == unix.S_IFREG {
			w.byNow[file{c.Now.Ino, c.Now.Size}] = c
		}
		for _, l := range languages {
			if l.loads(c) && c.newerThan(w.modules[l]) {
				w.modules[l] = c
			}
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		if target, err := os.Readlink(strings.TrimSuffix(root, "/") + "/" + name); err == nil && target == "usr/"+name {
			w.merged["/"+name+"/"] = "/usr/" + name + "/"
		}
	}
	w.booted, err = bootTime()
	return w, err
}

// inPlace reports whether the path is still the file that it was.
func (c *Changed) inPlace() bool {
	return c.Old && c.Now.Exists && c.Now.Ino == c.OldIno && c.Now.Dev == c.OldDev
}

func bootTime() (time.Time, error) {
	var since unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &since); err != nil {
		return time.Time{}, err
	}
	return time.Now().Add(-time.Duration(since.Nano())), nil
}

// canonical replaces the first directory of a path by what the host has merged it into.
func (w *world) canonical(path string) string {
	if i := strings.IndexByte(strings.TrimPrefix(path, "/"), '/'); i >= 0 {
		if into, ok := w.merged[path[:i+2]]; ok {
			return into + path[i+2:]
		}
	}
	return path
}

// hostIno returns the inode number of a path on the host, 0 if there is none or it cannot be told. The path is a container's word: it must
// neither wake an automounter nor lead through a magic link.
func (w *world) hostIno(path string) uint64 {
	st, err := lookUp(int(w.host.Fd()), path, unix.RESOLVE_NO_XDEV, nil)
	if err != nil {
		return 0
	}
	return st.Ino
}
