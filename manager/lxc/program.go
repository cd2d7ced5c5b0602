package lxc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"golang.org/x/sys/unix"
)

// Program is sysctr itself, to be run again by Exec. What enters a container is a sealed copy of it in memory, so that the container finds nothing in
// /proc that can be written (CVE-2019-5736). liblxc would make a copy for each that enters, which is most of what entering costs; this one is
// made once, when it is needed first, and is gone with Close. Since all share it, nobody but the host's root may open it: who holds it open for
// writing, though it can write nothing, keeps others from executing it. It may be used by many goroutines.
type Program struct {
	name string
	file string
	env  []string // beside what makes liblxc look for the seals
	once sync.Once
	copy *os.File // nil where none can be made
}

// NewProgram is the program in a file, shown in lists of processes by its name; both are absolute paths. It is not touched yet.
func NewProgram(name, file string) *Program { return &Program{name: name, file: file} }

// Close lets go of the copy. Nobody may use the program any more.
func (p *Program) Close() error {
	p.once.Do(func() {})
	if p.copy == nil {
		return nil
	}
	return p.copy.Close()
}

// command is the program with arguments. LXC_MEMFD_REXEC has liblxc look for the seals: without our copy it makes and executes its own.
func (p *Program) command(ctx context.Context, args ...string) *exec.Cmd {
	p.once.Do(func() { p.copy, _ = sealed(p.file) })
	path := p.file
	if p.copy != nil {
		path = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), p.copy.Fd()) // between fork(2) and execve(2) the child's own numbers may be others'
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = p.name
	cmd.Env = append([]string{"LXC_MEMFD_REXEC=1", "PATH=/nonexistent"}, p.env...)
	return cmd
}

// sealed copies a program into memory and seals it the way that liblxc looks for, see memfd_create(2) and F_ADD_SEALS in fcntl(2).
func sealed(path string) (*os.File, error) {
	program, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer program.Close()
	fd, err := unix.MemfdCreate("sysctr", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 all are executable
		fd, err = unix.MemfdCreate("sysctr", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	if _, err = io.Copy(file, program); err == nil {
		err = file.Chmod(0o500)
	}
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
