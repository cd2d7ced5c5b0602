package lxc

/*
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The child shares our memory, so it must not touch it: no library calls with state, no signal handlers (all signals are blocked), no return. It
// dies with the thread that made it: otherwise, when this process is killed, it would live on for ever with all of our memory and files.
static int sysctr_wait_for_kill(void *parent) {
	syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	while (syscall(SYS_getppid) == (long)parent) // else it was dead before we asked
		syscall(SYS_pause);
	syscall(SYS_exit, 0);
	return 0;
}

#define SYSCTR_STACK 16384

static pid_t sysctr_clone_userns(char *stack) {
	sigset_t all, old;
	pid_t pid;
	int saved;

	sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, &old) < 0)
		return -1;
	pid = clone(sysctr_wait_for_kill, stack + SYSCTR_STACK, CLONE_VM | CLONE_NEWUSER | SIGCHLD, (void *)(long)getpid());
	saved = errno;
	sigprocmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return pid;
}
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
)

// UserNS makes a user namespace in which 0 to r.Size-1 are the host's ids from r.Start on, for users and groups alike, and returns a
// descriptor of it (user_namespaces(7)). It is what mount_setattr(2) wants for an id map; no process stays in it. The child that a user
// namespace needs for a moment shares this process's memory instead of copying it: 0.3 ms instead of the 1 ms of a real process.
func UserNS(r idrange.Range) (*os.File, error) {
	runtime.LockOSThread() // Go may end a thread, and the child with it
	defer runtime.UnlockOSThread()
	stack := C.malloc(C.SYSCTR_STACK)
	if stack == nil {
		return nil, fmt.Errorf("make a user namespace: %w", unix.ENOMEM)
	}
	defer C.free(stack)
	pid, err := C.sysctr_clone_userns((*C.char)(stack))
	if pid < 0 {
		return nil, fmt.Errorf("make a user namespace (is user.max_user_namespaces reached?): %w", err)
	}
	defer reap(int(pid))
	proc := "/proc/" + strconv.Itoa(int(pid))
	line := fmt.Sprintf("0 %d %d\n", r.Start, r.Size)
	for _, file := range []string{"/uid_map", "/gid_map"} {
		if err := os.WriteFile(proc+file, []byte(line), 0); err != nil {
			return nil, fmt.Errorf("map the ids of a user namespace: %w", err)
		}
	}
	ns, err := os.Open(proc + "/ns/user")
	if err != nil {
		return nil, fmt.Errorf("open a user namespace: %w", err)
	}
	return ns, nil
}

// reap ends the child and waits for it, so that its stack may be freed.
func reap(pid int) {
	for range 3 { // one that fails once, as a security module may have it, would let us wait for ever
		if unix.Kill(pid, unix.SIGKILL) == nil {
			break
		}
	}
	for {
		if _, err := unix.Wait4(pid, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}
