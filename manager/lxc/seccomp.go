package lxc

import _ "embed" // the policy is data

// policy is the system call policy of every container, in the format of lxc.seccomp.profile (lxc.container.conf(5)): a deny list. Denied
// are what reaches beyond a container however small its capabilities are (modules, kexec, file handles, BPF, perf, userfaultfd, io_uring,
// clocks, swap, quotas, the kernel's log and keyrings); the socket families that need no container and have had holes, among them AF_ALG,
// AF_VSOCK (on a virtual machine the hypervisor's control channel), AF_RXRPC, AF_XDP and netlink's XFRM; and pushing input into a terminal
// (TIOCSTI, TIOCLINUX).
//
//go:embed seccomp.policy
var policy []byte
