package lxc

/*
#cgo pkg-config: lxc
#cgo CFLAGS: -std=gnu11 -Wall
#include <stdlib.h>
#include "launcher.h"
*/
import "C"

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launcherVerb is the argument that makes this program a launcher.
const launcherVerb = C.SYSCTR_LAUNCHER_VERB

// launchTimeout bounds one call of liblxc. A start takes milliseconds; one whose container's init is killed at the wrong moment hangs for ever.
const launchTimeout = 20 * time.Second

// launchers are processes that call liblxc for a batch starter: C alone, with one thread, next to no memory and three descriptors. Each
// monitor is a copy of the process that starts it and keeps the copy for the container's life, and liblxc moves that process into the
// monitor's control groups, in every hierarchy: both cost a multi-threaded Go process more than the start itself, and it must not be where
// it dies with the container.
//
// A launcher is this very program under the verb of launcher.h, caught before the Go runtime starts. It forks once more for each container, so
// that it never calls liblxc itself. It works in its starter's mount namespace and dies with its starter.
type launchers struct {
	patience time.Duration // with one call of liblxc; 0 for launchTimeout

	mu   sync.Mutex
	idle []*launcher
}

// launcher is one such process. It takes one request at a time.
type launcher struct {
	cmd  *exec.Cmd
	conn net.Conn
}

// launch has liblxc start a container as Starter.launch says, and returns the process id of its init. As many launchers run as there are calls at a
// time.
func (l *launchers) launch(dir, name string, argv []string) (int, error) {
	one, err := l.take()
	if err != nil {
		return 0, err
	}
	pid, err := one.start(append([]string{dir, name}, argv...), cmp.Or(l.patience, launchTimeout))
	var stage launchError
	if err == nil || errors.As(err, &stage) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.idle = append(l.idle, one)
		return pid, err
	}
	return 0, errors.Join(fmt.Errorf("the launcher failed: %w", err), one.kill())
}

// launchHere calls liblxc in this process, which thereby gets into the control groups of the monitor. The starter of a unit wants that: cgroup v2
// lets the unit's own group have no processes as soon as it has controllers for the groups below.
func launchHere(dir, name string, argv []string) (int, error) {
	words := append([]string{dir, name}, argv...)
	text := make([]*C.char, len(words)+1)
	for i, w := range words {
		text[i] = C.CString(w)
		defer C.free(unsafe.Pointer(text[i]))
	}
	list := (**C.char)(C.malloc(C.size_t(len(text)) * C.size_t(unsafe.Sizeof(text[0])))) // C may not keep pointers into memory of Go's
	defer C.free(unsafe.Pointer(list))
	copy(unsafe.Slice(list, len(text)), text)
	var a C.struct_sysctr_answer
	C.sysctr_start(list, &a)
	if a.stage != C.SYSCTR_STARTED {
		return 0, launchError{stage: int32(a.stage), code: int32(a.pid)}
	}
	return int(a.pid), nil
}

// take returns an idle launcher or a new one.
func (l *launchers) take() (*launcher, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.idle) - 1; last >= 0 {
		one := l.idle[last]
		l.idle = l.idle[:last]
		return one, nil
	}
	return newLauncher()
}

// close ends the launchers, none of which may be at work.
func (l *launchers) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, one := range l.idle {
		errs = append(errs, one.conn.Close(), one.cmd.Wait())
	}
	l.idle = nil
	return errors.Join(errs...)
}

func newLauncher() (*launcher, error) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("run a launcher: %w", err)
	}
	ours, its := os.NewFile(uintptr(ends[0]), "launcher"), os.NewFile(uintptr(ends[1]), "starter")
	defer ours.Close() // net.FileConn makes a copy
	defer its.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, fmt.Errorf("run a launcher: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", launcherVerb) //nolint:noctx // it ends with its socket
	cmd.Stdin, cmd.Stderr = its, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("run a launcher: %w", err), conn.Close())
	}
	return &launcher{cmd: cmd, conn: conn}, nil
}

// start sends the words and returns the answer. An error that is no launchError says nothing about the container.
func (l *launcher) start(words []string, patience time.Duration) (int, error) {
	for _, w := range words {
		if strings.ContainsRune(w, 0) {
			return 0, launchError{stage: C.SYSCTR_NO_CONFIG}
		}
	}
	text := strings.Join(words, "\x00") + "\x00"
	if err := l.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	request := binary.NativeEndian.AppendUint32(nil, uint32(len(text)))
	if _, err := l.conn.Write(append(request, text...)); err != nil {
		return 0, err
	}
	var a struct{ Stage, PID int32 }
	if err := binary.Read(l.conn, binary.NativeEndian, &a); err != nil {
		return 0, err
	}
	if a.Stage != C.SYSCTR_STARTED {
		return 0, launchError{stage: a.Stage, code: a.PID}
	}
	return int(a.PID), nil
}

// kill ends a launcher that does not answer, and what it has forked for the call.
func (l *launcher) kill() error {
	_ = unix.Kill(-l.cmd.Process.Pid, unix.SIGKILL) // its process group; nobody has waited for its leader yet
	_ = l.cmd.Wait()                                // killed, or it died before
	return l.conn.Close()
}

// launchError is a launcher's answer: how far it came.
type launchError struct{ stage, code int32 }

// ended reports whether the container had started, and ended before its init was asked for.
func (e launchError) ended() bool { return e.stage == C.SYSCTR_NO_INIT }

func (e launchError) Error() string {
	switch e.stage {
	case C.SYSCTR_NO_CONFIG:
		return "load the LXC configuration"
	case C.SYSCTR_NO_START:
		return "start through liblxc"
	case C.SYSCTR_NO_INIT:
		return "start through liblxc: the container ended at once"
	case C.SYSCTR_NO_FORK:
		return "fork the process that calls liblxc: " + unix.Errno(e.code).Error()
	default:
		return fmt.Sprintf("the process that calls liblxc ended with the wait status %#x", e.code)
	}
}
