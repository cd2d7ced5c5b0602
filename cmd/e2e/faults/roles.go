package faults

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// Role is what a process of sysctr is.
type Role string

// The roles. RoleLibrary is liblxc's: what a launcher forks, and monitors of containers that run already.
const (
	RoleCommand  Role = "command"
	RoleStarter  Role = "starter"
	RoleLauncher Role = "launcher"
	RoleLibrary  Role = "liblxc"
	RoleAgain    Role = "again" // what a monitor runs after a reboot from inside, and what enters containers

	roleNone Role = "" // not sysctr, or not yet
)

// forked is the role of a process that one of this role has forked.
func (r Role) forked() Role {
	if r == RoleLauncher {
		return RoleLibrary
	}
	return r // until it executes something
}

// roleOf derives the role from a command line of sysctr, as /proc/PID/cmdline has it.
func roleOf(line []byte) Role {
	words := bytes.SplitN(line, []byte{0}, 3)
	if len(words) < 2 {
		return RoleCommand
	}
	switch verb := string(words[1]); {
	case verb == "_starter":
		return RoleStarter
	case verb == "_launcher":
		return RoleLauncher
	case strings.HasPrefix(verb, "_"):
		return RoleAgain
	}
	return RoleCommand
}

// threadGroup returns the process of a thread, 0 if it has ended.
func threadGroup(tid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return 0
	}
	var group int
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "Tgid: %d", &group); n == 1 {
			return group
		}
	}
	return 0
}
