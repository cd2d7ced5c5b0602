package faults

import (
	"slices"
	"sort"

	"golang.org/x/sys/unix"
)

// Call is a kind of system call that changes state.
type Call struct {
	Name    string
	Error   unix.Errno // that it fails with
	numbers []uint64
	matters func(args [6]uint64) bool // nil: always
}

// Calls returns all kinds, by name. Older and newer forms of one call are one kind, named after the newer.
func Calls() []Call {
	all := slices.Concat(fileCalls(), descriptorCalls(), mountCalls(), processCalls())
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func fileCalls() []Call {
	return []Call{
		{"openat", unix.ENOSPC, []uint64{unix.SYS_OPENAT}, func(a [6]uint64) bool { return opensToWrite(a[2]) }},
		{"open", unix.ENOSPC, []uint64{unix.SYS_OPEN, unix.SYS_CREAT}, func(a [6]uint64) bool { return opensToWrite(a[1]) }},
		{"openat2", unix.EIO, []uint64{unix.SYS_OPENAT2}, nil},
		{"write", unix.ENOSPC, []uint64{unix.SYS_WRITE, unix.SYS_WRITEV}, nil},
		{"pwrite64", unix.EIO, []uint64{unix.SYS_PWRITE64}, nil},
		{"copy", unix.ENOSPC, []uint64{unix.SYS_COPY_FILE_RANGE, unix.SYS_SENDFILE, unix.SYS_SPLICE}, nil},
		{"ftruncate", unix.EIO, []uint64{unix.SYS_FTRUNCATE, unix.SYS_TRUNCATE, unix.SYS_FALLOCATE}, nil},
		{"mkdirat", unix.ENOSPC, []uint64{unix.SYS_MKDIRAT, unix.SYS_MKDIR}, nil},
		{"mknodat", unix.ENOSPC, []uint64{unix.SYS_MKNODAT, unix.SYS_MKNOD}, nil},
		{"symlinkat", unix.ENOSPC, []uint64{unix.SYS_SYMLINKAT, unix.SYS_SYMLINK}, nil},
		{"linkat", unix.ENOSPC, []uint64{unix.SYS_LINKAT, unix.SYS_LINK}, nil},
		{"renameat", unix.EIO, []uint64{unix.SYS_RENAMEAT, unix.SYS_RENAME, unix.SYS_RENAMEAT2}, nil},
		{"unlinkat", unix.EIO, []uint64{unix.SYS_UNLINKAT, unix.SYS_UNLINK}, nil},
		{"rmdir", unix.EBUSY, []uint64{unix.SYS_RMDIR}, nil},
		{"fsync", unix.EIO, []uint64{unix.SYS_FSYNC, unix.SYS_FDATASYNC}, nil},
		{"syncfs", unix.EIO, []uint64{unix.SYS_SYNCFS}, nil},
		{"fchmodat", unix.EIO, []uint64{unix.SYS_FCHMODAT, unix.SYS_FCHMOD, unix.SYS_CHMOD}, nil},
		{"fchownat", unix.EIO, []uint64{unix.SYS_FCHOWNAT, unix.SYS_FCHOWN, unix.SYS_CHOWN, unix.SYS_LCHOWN}, nil},
		{"setxattr", unix.ENOSPC, []uint64{unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR}, nil},
		{"fcntl lock", unix.EIO, []uint64{unix.SYS_FCNTL}, func(a [6]uint64) bool { return isLock(a[1]) }},
		{"flock", unix.EIO, []uint64{unix.SYS_FLOCK}, nil},
	}
}

func opensToWrite(flags uint64) bool {
	return flags&(unix.O_CREAT|unix.O_TRUNC|unix.O_WRONLY|unix.O_RDWR) != 0
}

func isLock(command uint64) bool {
	switch command {
	case unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_SETLK, unix.F_OFD_SETLKW:
		return true
	}
	return false
}

func setsDescriptor(command uint64) bool {
	switch command {
	case unix.F_SETFD, unix.F_SETFL, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC:
		return true
	}
	return false
}

// They change the process that makes them, which may be a container's first one or its monitor.
func descriptorCalls() []Call {
	return []Call{
		{"close", unix.EIO, []uint64{unix.SYS_CLOSE, unix.SYS_CLOSE_RANGE}, nil},
		{"dup3", unix.EMFILE, []uint64{unix.SYS_DUP3, unix.SYS_DUP2, unix.SYS_DUP}, nil},
		{"fcntl set", unix.EINVAL, []uint64{unix.SYS_FCNTL}, func(a [6]uint64) bool { return setsDescriptor(a[1]) }},
		{"memfd_create", unix.ENOMEM, []uint64{unix.SYS_MEMFD_CREATE}, nil},
		{"eventfd2", unix.EMFILE, []uint64{unix.SYS_EVENTFD2, unix.SYS_EVENTFD}, nil},
		{"signalfd4", unix.EMFILE, []uint64{unix.SYS_SIGNALFD4, unix.SYS_SIGNALFD}, nil},
		{"epoll_create1", unix.EMFILE, []uint64{unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CREATE}, nil},
		{"epoll_ctl", unix.ENOSPC, []uint64{unix.SYS_EPOLL_CTL}, nil},
		{"accept4", unix.EMFILE, []uint64{unix.SYS_ACCEPT4, unix.SYS_ACCEPT}, nil},
		{"chdir", unix.EACCES, []uint64{unix.SYS_CHDIR, unix.SYS_FCHDIR}, nil},
	}
}

func mountCalls() []Call {
	return []Call{
		{"mount", unix.EPERM, []uint64{unix.SYS_MOUNT}, nil},
		{"umount2", unix.EBUSY, []uint64{unix.SYS_UMOUNT2}, nil},
		{"open_tree", unix.ENOMEM, []uint64{unix.SYS_OPEN_TREE}, nil},
		{"move_mount", unix.ENOMEM, []uint64{unix.SYS_MOVE_MOUNT}, nil},
		{"mount_setattr", unix.EPERM, []uint64{unix.SYS_MOUNT_SETATTR}, nil},
		{"fsopen", unix.ENODEV, []uint64{unix.SYS_FSOPEN}, nil},
		{"fsconfig", unix.EINVAL, []uint64{unix.SYS_FSCONFIG}, nil},
		{"fsmount", unix.ENOMEM, []uint64{unix.SYS_FSMOUNT}, nil},
		{"pivot_root", unix.EBUSY, []uint64{unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT}, nil},
		{"unshare", unix.ENOSPC, []uint64{unix.SYS_UNSHARE}, nil},
		{"setns", unix.EPERM, []uint64{unix.SYS_SETNS}, nil},
	}
}

// A thread is no process: that the Go runtime cannot make one ends the program, which is a kill at another place.
func isProcess(flags uint64) bool { return flags&unix.CLONE_THREAD == 0 }

func processCalls() []Call {
	return []Call{
		{"clone", unix.EAGAIN, []uint64{unix.SYS_CLONE}, func(a [6]uint64) bool { return isProcess(a[0]) }},
		{"clone3", unix.EAGAIN, []uint64{unix.SYS_CLONE3}, func(a [6]uint64) bool { return isProcess(a[0]) }},
		{"fork", unix.EAGAIN, []uint64{unix.SYS_FORK, unix.SYS_VFORK}, nil},
		{"execve", unix.ENOMEM, []uint64{unix.SYS_EXECVE, unix.SYS_EXECVEAT}, nil},
		{"kill", unix.EPERM, []uint64{unix.SYS_KILL}, nil},
		{"pidfd_open", unix.EMFILE, []uint64{unix.SYS_PIDFD_OPEN}, nil},
		{"pidfd_send_signal", unix.EPERM, []uint64{unix.SYS_PIDFD_SEND_SIGNAL}, nil},
		{"capset", unix.EPERM, []uint64{unix.SYS_CAPSET}, nil},
		{"setresuid", unix.EAGAIN, []uint64{unix.SYS_SETRESUID, unix.SYS_SETUID, unix.SYS_SETREUID, unix.SYS_SETFSUID}, nil},
		{"setresgid", unix.EAGAIN, []uint64{unix.SYS_SETRESGID, unix.SYS_SETGID, unix.SYS_SETREGID, unix.SYS_SETFSGID, unix.SYS_SETGROUPS}, nil},
		{"setsid", unix.EPERM, []uint64{unix.SYS_SETSID, unix.SYS_SETPGID}, nil},
		{"prctl", unix.EPERM, []uint64{unix.SYS_PRCTL}, nil},
		{"prlimit64", unix.EPERM, []uint64{unix.SYS_PRLIMIT64, unix.SYS_SETRLIMIT}, func(a [6]uint64) bool { return a[2] != 0 }},
		{"seccomp", unix.EINVAL, []uint64{unix.SYS_SECCOMP}, nil},
		{"sethostname", unix.EPERM, []uint64{unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME}, nil},
		{"keyctl", unix.EDQUOT, []uint64{unix.SYS_KEYCTL, unix.SYS_ADD_KEY}, nil},
		{"socket", unix.EMFILE, []uint64{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR}, nil},
		{"bind", unix.EADDRINUSE, []uint64{unix.SYS_BIND, unix.SYS_LISTEN}, nil},
		{"connect", unix.ECONNREFUSED, []uint64{unix.SYS_CONNECT}, nil},
		{"setsockopt", unix.ENOMEM, []uint64{unix.SYS_SETSOCKOPT}, nil},
		{"sendmsg", unix.ENOBUFS, []uint64{unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_SENDMMSG}, nil},
		{"pipe2", unix.EMFILE, []uint64{unix.SYS_PIPE2, unix.SYS_PIPE}, nil},
		{"ioctl", unix.EIO, []uint64{unix.SYS_IOCTL}, func(a [6]uint64) bool { return a[1] != unix.TCGETS && a[1] != unix.TIOCGWINSZ }},
	}
}

// find returns the kind that a call is of. byNumber is what [byNumber] returns.
func find(byNumber map[uint64][]Call, number uint64, args [6]uint64) (Call, bool) {
	kinds := byNumber[number]
	i := slices.IndexFunc(kinds, func(c Call) bool { return c.matters == nil || c.matters(args) })
	if i < 0 {
		return Call{}, false
	}
	return kinds[i], true
}

// byNumber returns the kinds that each system call may be of.
func byNumber() map[uint64][]Call {
	known := map[uint64][]Call{}
	for _, c := range Calls() {
		for _, n := range c.numbers {
			known[n] = append(known[n], c)
		}
	}
	return known
}
