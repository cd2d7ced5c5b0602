package lxc

import (
	"os"

	"golang.org/x/sys/unix"
)

// ConsoleSize is how much of a container's console is kept, in bytes.
const ConsoleSize = 1 << 20

// console returns where the console is to be kept, made if it is missing. liblxc does not start a container whose file it cannot make, and
// on a full disk a container has to start all the same: then its console is not kept.
func (s *Starter) console(name string) string {
	path := s.Dirs.Console(name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return ""
	}
	_ = file.Close() // nothing was written
	return path
}
