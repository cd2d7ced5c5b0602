package faults

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stopped handles one stop, see ptrace(2), "Stopped states".
func (tr *tracer) stopped(tid int, status unix.WaitStatus) {
	t := tr.tasks[tid]
	if t == nil {
		tr.early[tid] = true // adopt resumes it
		return
	}
	signal, event := status.StopSignal(), int(status)>>16
	deliver := 0
	switch {
	case signal == unix.SIGTRAP|0x80:
		tr.call(tid, t)
	case event == unix.PTRACE_EVENT_EXEC:
		if !tr.executed(tid) {
			return
		}
	case event == unix.PTRACE_EVENT_CLONE || event == unix.PTRACE_EVENT_FORK || event == unix.PTRACE_EVENT_VFORK:
		tr.adopt(tid, t)
	case event == unix.PTRACE_EVENT_STOP:
		if signal != unix.SIGTRAP { // a group stop
			_ = ptrace(unix.PTRACE_LISTEN, tid, 0, 0)
			return
		}
	default:
		deliver = int(signal)
	}
	tr.resume(tid, deliver)
}

func (tr *tracer) resume(tid, signal int) {
	if tr.leave {
		_ = ptrace(unix.PTRACE_DETACH, tid, 0, uintptr(signal)) // or it has been killed, and its end comes next
		delete(tr.tasks, tid)
		return
	}
	_ = ptrace(unix.PTRACE_SYSCALL, tid, 0, uintptr(signal))
}

// adopt takes a new process or thread in.
func (tr *tracer) adopt(tid int, maker *task) {
	made, err := unix.PtraceGetEventMsg(tid)
	if err != nil {
		return
	}
	child := int(made)
	t := &task{process: maker.process}
	if group := threadGroup(child); group != maker.process.pid {
		t.process = &process{pid: child, role: maker.process.role.forked()}
	}
	tr.tasks[child] = t
	if tr.early[child] {
		delete(tr.early, child)
		tr.resume(child, 0)
	}
}

// executed gives a process the role of its new program, and lets go what is not sysctr. It tells whether the process is still traced.
func (tr *tracer) executed(tid int) bool {
	t := tr.tasks[tid]
	for other, o := range tr.tasks { // the other threads are gone without a word
		if o.process == t.process && other != tid {
			delete(tr.tasks, other)
		}
	}
	t.error = 0
	exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", tid))
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", tid))
	if exe != tr.Binary && tid == tr.main {
		return true // the shell: os/exec returns a moment before its execve(2) is over
	}
	if exe != tr.Binary {
		_ = ptrace(unix.PTRACE_DETACH, tid, 0, 0)
		delete(tr.tasks, tid)
		return false
	}
	t.process.role = roleOf(line)
	return true
}

// syscallInfo is struct ptrace_syscall_info of the kernel.
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	ip   uint64
	sp   uint64
	nr   uint64 // of an exit: the result
	args [6]uint64
	_    [2]uint64
}

const (
	infoEntry = 1
	infoExit  = 2
)

// call counts a system call, and lets the fault happen.
func (tr *tracer) call(tid int, t *task) {
	info := &tr.info
	if ptrace(unix.PTRACE_GET_SYSCALL_INFO, tid, unsafe.Sizeof(*info), uintptr(unsafe.Pointer(info))) != nil {
		return
	}
	if info.op == infoExit && t.error != 0 {
		tr.answer(tid, t)
		return
	}
	if info.op != infoEntry || t.process.role == roleNone {
		return
	}
	c, ok := tr.kind(tid)
	if !ok {
		return
	}
	at := Point{Role: t.process.role, Call: c.Name, N: 0}
	tr.report.Counts[at]++
	at.N = tr.report.Counts[Point{Role: at.Role, Call: at.Call}]
	if tr.report.Hit || at != tr.Fault.Point {
		return
	}
	tr.report.Hit = true
	tr.report.Victim = fmt.Sprintf("%s %d", t.process.role, t.process.pid)
	if tr.Fault.Kill {
		_ = unix.Kill(t.process.pid, unix.SIGKILL) // the call is not carried out any more
		return
	}
	if c.Name == "close" { // it always closes, whatever it returns
		t.error = c.Error
		return
	}
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) == nil {
		regs.Orig_rax = ^uint64(0) // no call at all
		if unix.PtraceSetRegs(tid, &regs) == nil {
			t.error = c.Error
		}
	}
}

// kind returns the kind of the call that begins, and whether it is one that changes state.
func (tr *tracer) kind(tid int) (Call, bool) {
	number, args := tr.info.nr, tr.info.args
	if number == unix.SYS_CLONE3 {
		args[0] = firstWord(tid, args[0])
	}
	if tr.calls[number] == nil && !tr.harmless[number] {
		tr.report.Unknown[number]++
	}
	return find(tr.calls, number, args)
}

// firstWord reads the beginning of a structure: of clone3(2) it is the flags.
func firstWord(tid int, at uint64) uint64 {
	var word [8]byte
	if _, err := unix.PtracePeekData(tid, uintptr(at), word[:]); err != nil {
		return 0
	}
	return binary.NativeEndian.Uint64(word[:])
}

// answer has the call that was not carried out return an error.
func (tr *tracer) answer(tid int, t *task) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) == nil {
		regs.Rax = uint64(-int64(t.error))
		_ = unix.PtraceSetRegs(tid, &regs)
	}
	t.error = 0
}

func seize(pid int) error { return ptrace(unix.PTRACE_SEIZE, pid, 0, traceOptions) }

func ptrace(request, tid int, addr, data uintptr) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
