package lxc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

// terminal is a pseudo terminal of the container's own devpts (pts(4)): the operator's terminal is never handed inside, where a program
// could push input into it (TIOCSTI), and a terminal of the host's devpts would be "not a tty" there.
type terminal struct {
	master, slave *os.File
}

// openTerminal makes one. The slave is opened through the master (TIOCGPTPEER, ioctl_tty(2)), never by a path of the container's.
func openTerminal(init alive.Process) (*terminal, error) {
	master, err := inside(init, "/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	t := &terminal{master: master}
	if err := t.setUp(init); err != nil {
		return nil, errors.Join(fmt.Errorf("make a terminal in the container: %w", err), t.close())
	}
	return t, nil
}

func (t *terminal) setUp(init alive.Process) error {
	fd := int(t.master.Fd()) // Fd also makes it blocking, which copying wants
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Fstat(fd, &st), unix.Fstatfs(fd, &fs)); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(5, 2) || fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return errors.New("/dev/pts/ptmx is not the terminal multiplexer")
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return fmt.Errorf("unlock it: %w", err)
	}
	slave, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return fmt.Errorf("open its other end: %w", errno)
	}
	t.slave = os.NewFile(slave, "terminal")
	t.resize() // before the command can ask
	// It was made by root of the host; the container's root, whose uid the init has, must own it.
	return t.own(init)
}

func (t *terminal) own(init alive.Process) error {
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d", init.PID), &st); err != nil {
		return err
	}
	return t.slave.Chown(int(st.Uid), int(st.Gid))
}

// controlled wraps argv so that it runs in a session of its own with its terminal as the controlling one (credentials(7)): job control and
// /dev/tty need that. Some versions of liblxc have done so already, and a session leader cannot do it twice.
func controlled(argv []string) []string {
	const script = `if { : </dev/tty; } 2>/dev/null; then exec "$@"; fi; exec setsid --wait --ctty -- "$@"`
	return append([]string{"/bin/sh", "-c", script, "sh"}, argv...)
}

// relay copies between our standard streams and the terminal until the command's side is closed, and passes on the window's size. The
// copy from our input may block for ever and ends with the process.
func (t *terminal) relay() {
	_ = t.slave.Close() // the command holds it; with the last holder gone the copy below ends
	t.slave = nil
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH)
	defer signal.Stop(changes)
	t.resize()
	go func() {
		for range changes {
			t.resize()
		}
	}()
	go func() { _, _ = io.Copy(t.master, os.Stdin) }()
	_, _ = io.Copy(os.Stdout, t.master) // ends with EIO, which is how a terminal says end of file
}

func (t *terminal) resize() {
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		_ = unix.IoctlSetWinsize(int(t.master.Fd()), unix.TIOCSWINSZ, size)
	}
}

func (t *terminal) close() error {
	err := t.master.Close()
	if t.slave != nil {
		err = errors.Join(err, t.slave.Close())
	}
	return err
}
