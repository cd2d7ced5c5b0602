package faults

import "golang.org/x/sys/unix"

// harmless returns the system calls that change nothing which outlives or concerns more than the thread that makes them, or that cannot fail.
func harmless() map[uint64]bool {
	known := map[uint64]bool{}
	for _, numbers := range [][]uint64{
		{ // reads of files and sockets
			unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_READV, unix.SYS_LSEEK, unix.SYS_GETDENTS64, unix.SYS_RECVFROM, unix.SYS_RECVMSG,
			unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_STATFS, unix.SYS_FSTATFS, unix.SYS_ACCESS,
			unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINK, unix.SYS_READLINKAT, unix.SYS_GETCWD, unix.SYS_GETXATTR, unix.SYS_LGETXATTR,
			unix.SYS_FGETXATTR, unix.SYS_LISTXATTR, unix.SYS_LLISTXATTR, unix.SYS_FLISTXATTR, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
			unix.SYS_GETSOCKOPT,
		},
		{ // questions about processes and the machine
			unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETGROUPS,
			unix.SYS_GETRESUID, unix.SYS_GETRESGID, unix.SYS_GETPGID, unix.SYS_GETPGRP, unix.SYS_GETSID, unix.SYS_GETRLIMIT, unix.SYS_GETRUSAGE,
			unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_CAPGET, unix.SYS_GETRANDOM, unix.SYS_CLOCK_GETTIME, unix.SYS_SCHED_GETAFFINITY, unix.SYS_KCMP,
		},
		{ // waits
			unix.SYS_POLL, unix.SYS_PPOLL, unix.SYS_SELECT, unix.SYS_PSELECT6, unix.SYS_EPOLL_WAIT, unix.SYS_EPOLL_PWAIT, unix.SYS_WAIT4,
			unix.SYS_WAITID, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_PAUSE, unix.SYS_FUTEX, unix.SYS_RESTART_SYSCALL,
			unix.SYS_SCHED_YIELD, unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGTIMEDWAIT,
		},
		{ // the runtime's own memory, threads and signals
			unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MREMAP, unix.SYS_BRK, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_RSEQ,
			unix.SYS_SET_ROBUST_LIST, unix.SYS_SET_TID_ADDRESS, unix.SYS_ARCH_PRCTL, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK,
			unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_TGKILL, unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME,
			unix.SYS_TIMER_DELETE,
		},
		{unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_UMASK}, // cannot fail
	} {
		for _, n := range numbers {
			known[n] = true
		}
	}
	return known
}
