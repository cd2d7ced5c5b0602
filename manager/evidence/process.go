package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// errVanished says that a process ended before it was looked at.
var errVanished = errors.New("the process has ended")

// process looks at one process, or one thread where the first of its process has ended.
type process struct {
	*look
	alive.Process
	dir     string // /proc/PID
	monitor bool
	files   map[file]bool // reported already
	inside  *language     // one of those whose modules changed that it interprets through a library
}

// run looks at all of the process. Once its mappings are read it counts as looked at, whenever it ends.
func (p *process) run() error {
	lines, err := p.maps()
	if err != nil {
		return err
	}
	if lines == 0 { // its memory is gone, which is so of a zombie and of a first thread that has ended
		return p.threads()
	}
	err = errors.Join(p.descriptors(), p.others(), p.arguments())
	if vanished(err) {
		return nil
	}
	return err
}

// vanished reports whether an error says that the process is gone.
func vanished(err error) bool {
	return errors.Is(err, errVanished) || errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist)
}

// threads looks at the threads that a process without its first one still has.
func (p *process) threads() error {
	ids, err := os.ReadDir(p.dir + "/task")
	if err != nil {
		return errVanished
	}
	looked := false
	for _, id := range ids {
		if id.Name() == strconv.Itoa(p.PID) {
			continue
		}
		thread := &process{look: p.look, Process: p.Process, dir: "/proc/" + id.Name(), files: p.files}
		if lines, err := thread.maps(); err != nil || lines == 0 {
			continue
		}
		looked = true
		if err := thread.descriptors(); err != nil && !vanished(err) {
			return err
		}
	}
	if !looked {
		return errVanished
	}
	return nil
}

// maxRemaps bounds how often the mappings of a process that changes them meanwhile are read again.
const maxRemaps = 20

// maps looks at what the process executes and maps, and returns how many mappings it has.
func (p *process) maps() (lines int, err error) {
	for range maxRemaps {
		again := false
		lines, err = p.readMaps(func(m mapping) error {
			err := p.mapping(m)
			if errors.Is(err, fs.ErrNotExist) { // split, merged or gone since it was read
				again, err = true, nil
			}
			return err
		})
		if err != nil || !again {
			return lines, err
		}
	}
	return lines, fmt.Errorf("process %d changes its mappings faster than they can be looked at", p.PID)
}

func (p *process) readMaps(visit func(mapping) error) (int, error) {
	maps, err := os.Open(p.dir + "/maps")
	if err != nil {
		return 0, p.failed(err)
	}
	defer maps.Close()
	var first error
	lines, err := readMaps(maps, func(m mapping) {
		if first == nil {
			first = visit(m)
		}
	})
	return lines, p.failed(errors.Join(err, first))
}

// failed turns what the kernel says of a process that has ended into errVanished.
func (p *process) failed(err error) error {
	if err == nil {
		return nil
	}
	if vanished(err) {
		return errVanished
	}
	return fmt.Errorf("process %d: %w", p.PID, err)
}

// mapping looks at one mapping, unless another process maps the same file by the same name and it was found to be in order.
func (p *process) mapping(m mapping) error {
	if p.inside == nil && len(p.modules) > 0 {
		if l := embeddedIn(m.path); p.modules[l] != nil {
			p.inside = l
		}
	}
	key := shown{dev: m.dev, ino: m.ino, path: m.path}
	found, seen := p.mapped[key]
	if !seen {
		st, err := stat(p.dir + "/map_files/" + m.name())
		if err != nil && !private(err) {
			return err
		}
		if err == nil {
			found = p.judge(held{st: st, path: m.path}, p.monitor)
		}
		if err := p.remember(key, found); err != nil {
			return err
		}
	}
	if found != nil {
		p.found(Mapped, *found)
	}
	return nil
}

// found adds a finding about a file, once per process. What is executed or gone is called so.
func (p *process) found(kind Kind, f Finding) {
	id := file{ino: f.SeenIno}
	if p.files[id] {
		return
	}
	p.files[id] = true
	if kind == Mapped {
		if st, err := stat(p.dir + "/exe"); err == nil && st.Ino == f.SeenIno {
			kind = Executed
		}
	}
	switch {
	case p.monitor:
		kind = Monitor
	case f.Kind == Gone:
		f.Detail = strings.TrimSpace(string(kind) + " " + f.Detail)
		kind = Gone
	}
	f.Kind, f.PID, f.Comm = kind, p.PID, p.comm()
	p.add(f)
}

// comm is what the process calls itself: any bytes.
func (p *process) comm() string {
	text, err := readBounded(p.dir+"/comm", 256)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// descriptors looks at the program of the process and at the files that it holds open.
func (p *process) descriptors() error {
	if err := p.link("exe", Executed); err != nil {
		return err
	}
	dir, err := os.Open(p.dir + "/fd")
	if err != nil {
		return p.failed(err)
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(512)
		for _, name := range names {
			if err := p.link("fd/"+name, Open); err != nil && !vanished(err) {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return p.failed(err)
		}
	}
}

// private reports whether the kernel refused to look at a file because it is on a FUSE filesystem of a user namespace: none of the host's. That
// the process itself may be looked at has been shown by reading its maps.
func private(err error) bool { return errors.Is(err, unix.EACCES) }

// kcmpFiles has kcmp(2) compare descriptor tables.
const kcmpFiles = 2

// others looks at the descriptors of threads that do not share those of the first one.
func (p *process) others() error {
	var st unix.Stat_t
	if unix.Stat(p.dir+"/task", &st) == nil && st.Nlink == 3 { // it counts threads; most processes have one
		return nil
	}
	ids, err := os.ReadDir(p.dir + "/task")
	if err != nil {
		return p.failed(err)
	}
	for _, id := range ids {
		tid, err := strconv.Atoi(id.Name())
		if err != nil || tid == p.PID {
			continue
		}
		different, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(p.PID), uintptr(tid), kcmpFiles, 0, 0, 0)
		if errno == 0 && different == 0 {
			continue
		}
		thread := &process{look: p.look, Process: p.Process, dir: p.dir + "/task/" + id.Name(), monitor: p.monitor, files: p.files}
		if err := thread.descriptors(); err != nil && !vanished(err) {
			return err
		}
	}
	return nil
}

// link looks at the file that a link in the process's directory stands for.
func (p *process) link(name string, kind Kind) error {
	st, err := stat(p.dir + "/" + name)
	if private(err) {
		return nil
	}
	if err != nil {
		return p.failed(err)
	}
	if !p.suspicious(st) {
		return nil
	}
	target, err := os.Readlink(p.dir + "/" + name)
	if err != nil && !errors.Is(err, unix.ENAMETOOLONG) {
		return p.failed(err)
	}
	if found := p.judge(held{st: st, path: target}, p.monitor); found != nil {
		p.found(kind, *found)
	}
	return nil
}

// stat follows a link in /proc to the file itself, without asking a server.
func stat(link string) (*unix.Statx_t, error) {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, link, statFlags, unix.STATX_BASIC_STATS, &st)
	return &st, err
}

// readBounded reads at most limit bytes of a file in /proc.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
