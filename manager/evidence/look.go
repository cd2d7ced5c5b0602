package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// look is a child's look at one subject.
type look struct {
	*world
	root   *os.File // the container's root directory
	mapped map[shown]*Finding
	report Report
	alike  map[likeness]int
}

// shown is a mapped file as maps show it.
type shown struct {
	dev, ino uint64
	path     string
}

// held is a file that a process maps, executes or holds open, with its name as the kernel shows it.
type held struct {
	st   *unix.Statx_t
	path string
}

// subject looks at a container. The error says why that cannot be done.
func (w *world) subject(s Subject, layout alive.Layout) (Report, error) {
	l := &look{world: w, mapped: map[shown]*Finding{}, alike: map[likeness]int{}}
	if err := l.enter(s.Init); err != nil {
		return Report{}, err
	}
	defer l.root.Close()
	if err := l.processes(s.Group, layout); err != nil {
		return Report{}, err
	}
	if err := l.monitor(s.Monitor); err != nil {
		return Report{}, err
	}
	for i := range w.changed {
		if c := &w.changed[i]; !c.Database {
			l.report.Looked++
			if f := w.answer(int(l.root.Fd()), s.Range, c); f != nil {
				l.add(*f)
			}
		}
	}
	if !s.Init.Alive() {
		return Report{}, errEnded
	}
	l.sort()
	return l.report, nil
}

var errEnded = errors.New("its first process has ended")

// enter opens the container's root: that of its first process, which must be a mounted overlay.
func (l *look) enter(init alive.Process) error {
	root, err := os.OpenFile("/proc/"+strconv.Itoa(init.PID)+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil && !init.Alive() { // the id may have been another process's
		err = errors.Join(errEnded, root.Close())
	}
	if errors.Is(err, errEnded) || vanished(err) {
		return errEnded
	}
	if err != nil {
		return fmt.Errorf("open its root: %w", err)
	}
	l.root = root
	var st unix.Statx_t
	if err = isOverlay(int(root.Fd())); err == nil {
		err = unix.Statx(int(root.Fd()), "", unix.AT_EMPTY_PATH|statFlags, unix.STATX_BASIC_STATS, &st)
	}
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		err = errors.New("not the root of a mount")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the root of its first process is not the one it was given: %w", err), root.Close())
	}
	return nil
}

// maxRounds bounds how often processes are listed.
const maxRounds = 50

// processes looks at all processes of the container. A process that ends unseen may have left a child that nobody has seen: so they are listed
// until none has, and once more than that, for what was forked while the first list was worked through. Nothing less will do: who was forked by whom
// cannot be told afterwards, since the kernel gives orphans to a process that was looked at.
func (l *look) processes(group alive.Group, layout alive.Layout) error {
	tree, err := layout.Tree(group)
	if err != nil {
		return err
	}
	looked, ended := map[alive.Process]bool{}, map[int]bool{}
	for round := range maxRounds {
		pids, err := tree.Processes()
		if err != nil {
			return err
		}
		unseen := 0
		for _, pid := range freshFirst(pids, looked) {
			p, err := alive.Look(pid)
			if err == nil && !looked[p] {
				err = (&process{look: l, Process: p, dir: "/proc/" + strconv.Itoa(pid), files: map[file]bool{}}).run()
				looked[p] = err == nil
			}
			if (errors.Is(err, errVanished) || errors.Is(err, alive.ErrGone)) && !ended[pid] {
				ended[pid] = true // a zombie is listed until it is reaped, and counts once
				unseen++
			} else if err != nil && !vanished(err) && !errors.Is(err, alive.ErrGone) {
				return err
			}
		}
		if round > 0 && unseen == 0 {
			l.report.Processes = len(looked)
			return nil
		}
	}
	return errors.New("its processes come and go faster than they can be looked at")
}

// freshFirst sorts ids of processes: those that nobody was seen to have come first, the youngest of them before the others, since they may be gone
// the next moment.
func freshFirst(pids []int, looked map[alive.Process]bool) []int {
	known := make(map[int]bool, len(looked))
	for p := range looked {
		known[p.PID] = true
	}
	slices.Reverse(pids)
	slices.SortStableFunc(pids, func(a, b int) int {
		switch {
		case known[a] == known[b]:
			return 0
		case known[b]:
			return -1
		}
		return 1
	})
	return pids
}

// monitor looks at liblxc's monitor, which has nothing of the container: it maps the host's own files. Its program is sysctr itself, which
// may be replaced under running containers.
func (l *look) monitor(monitor alive.Process) error {
	if !monitor.Alive() {
		return nil
	}
	m := &process{look: l, Process: monitor, dir: "/proc/" + strconv.Itoa(monitor.PID), files: map[file]bool{}, monitor: true}
	program, err := stat(m.dir + "/exe")
	if err == nil {
		m.files[file{ino: program.Ino}] = true
		err = m.run()
	}
	if vanished(err) {
		return nil
	}
	return err
}

// maxFiles bounds the files that a container's processes map.
const maxFiles = 1 << 17

// remember keeps what was found of a mapped file for the other processes that map it.
func (l *look) remember(key shown, found *Finding) error {
	if len(l.mapped) >= maxFiles {
		return fmt.Errorf("its processes map more than %d files", maxFiles)
	}
	l.mapped[key] = found
	return nil
}

// suspicious reports whether a held file may not be the host's any more.
func (w *world) suspicious(st *unix.Statx_t) bool {
	if uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	return st.Nlink == 0 || w.byFile[file{st.Ino, st.Size}] != nil
}

// judge returns a finding without process and kind, but Gone where the host has no such path, for a file that was the host's and is not
// any more; nil for any other.
func (w *world) judge(h held, monitor bool) *Finding {
	if !w.suspicious(h.st) {
		return nil
	}
	name, deleted := undelete(h.path)
	c, former := w.byFile[file{h.st.Ino, h.st.Size}]
	if !former {
		if c = w.byPath[w.canonical(name)]; c == nil {
			c = w.byPath[w.canonical(h.path)]
		}
	}
	if c != nil && c.Database {
		return nil
	}
	if h.st.Nlink > 0 && w.hostIno(h.path) == h.st.Ino {
		return nil // another name of the former file, by which the host still has it
	}
	f := &Finding{Path: name, SeenIno: h.st.Ino}
	if c != nil {
		f.Path, f.Package, f.HostIno = c.Path, c.Package, c.Now.Ino
	} else {
		f.HostIno = w.hostIno(name)
	}
	if c == nil && deleted && (!monitor || f.HostIno == 0) {
		return nil // the container's own, deleted by itself; of the base's files the kernel does not say so
	}
	if f.HostIno == 0 {
		f.Kind = Gone
	}
	return f
}

// maxAlike bounds the findings of one kind about one path, and maxFindings all of a container.
const (
	maxAlike    = 16
	maxFindings = 2000
)

type likeness struct {
	kind Kind
	path string
}

// add keeps a finding, unless there are enough like it.
func (l *look) add(f Finding) {
	alike := likeness{f.Kind, f.Path}
	if l.alike[alike] >= maxAlike || len(l.report.Findings) >= maxFindings {
		l.report.Omitted++
		return
	}
	l.alike[alike]++
	l.report.Findings = append(l.report.Findings, f)
}

func (l *look) sort() {
	slices.SortFunc(l.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Path, b.Path), cmp.Compare(a.PID, b.PID))
	})
}
