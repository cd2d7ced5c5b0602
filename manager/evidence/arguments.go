package evidence

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// arguments finds interpreters that started before their modules changed, and changed paths that a process was started with.
func (p *process) arguments() error {
	if p.monitor {
		return nil
	}
	program, err := os.Readlink(p.dir + "/exe")
	if err != nil {
		return p.failed(err)
	}
	program, _ = undelete(program)
	started := p.booted.Add(time.Duration(p.Start) * time.Second / clockTicks)
	l := languageOf(program)
	for _, runs := range []*language{l, p.inside} {
		if c := p.modules[runs]; c != nil && c.after(started) {
			p.add(Finding{Kind: Interpreter, PID: p.PID, Comm: p.comm(), Path: c.Path, Package: c.Package, HostIno: c.Now.Ino,
				Detail: fmt.Sprintf("runs %.80q and started before the path changed", path.Base(program))})
			break
		}
	}
	line, err := readBounded(p.dir+"/cmdline", maxArguments)
	if err != nil {
		return p.failed(err)
	}
	for i, argument := range bytes.Split(line, []byte{0}) {
		if i == 0 || len(argument) == 0 || len(argument) > unix.PathMax {
			continue
		}
		if c := p.named(string(argument), l != nil && i <= maxScripts); c != nil && c.after(started) {
			p.add(Finding{Kind: Script, PID: p.PID, Comm: p.comm(), Path: c.Path, Package: c.Package, HostIno: c.Now.Ino,
				Detail: fmt.Sprintf("%.80q was started with it as an argument, before it changed", path.Base(program))})
		}
	}
	return nil
}

const (
	clockTicks   = 100     // USER_HZ, the same on all that Go runs on
	maxArguments = 1 << 20 // bytes of a process's arguments that are looked at
	maxScripts   = 16      // arguments of an interpreter that are looked up
)

// named returns the changed file that an argument names, nil if it names none.
func (p *process) named(argument string, lookUpToo bool) *Changed {
	if strings.HasPrefix(argument, "-") {
		return nil
	}
	if !path.IsAbs(argument) {
		if !lookUpToo {
			return nil
		}
		cwd, err := os.Readlink(p.dir + "/cwd")
		if err != nil {
			return nil
		}
		argument = cwd + "/" + argument
	}
	if c := p.byPath[p.canonical(path.Clean(argument))]; c != nil {
		if c.Database || c.isDirectory() {
			return nil
		}
		return c
	}
	if !lookUpToo {
		return nil
	}
	return p.linked(argument)
}

// linked looks an argument up as the process did, through links.
func (p *process) linked(argument string) *Changed {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV}
	fd, err := unix.Openat2(int(p.root.Fd()), argument, &how)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH|statFlags, unix.STATX_BASIC_STATS, &st) != nil || uint32(st.Mode)&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	if c := p.byFile[file{st.Ino, st.Size}]; c != nil && !c.Database {
		return c
	}
	if c := p.byNow[file{st.Ino, st.Size}]; c != nil && !c.Database {
		return c
	}
	return nil
}
