package lxc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	golxc "github.com/lxc/go-lxc"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
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

// consoleEscape is Ctrl-], with which whoever sits at a console leaves it.
const consoleEscape = 0x1d

// ErrConsole says that a console cannot be had.
var ErrConsole = errors.New("the container's monitor does not give its console away; somebody else may sit at it")

// console relays the container's console on our standard streams. It is the monitor's, which hands it to one at a time.
func (a Attach) console(d Dirs, monitor alive.Process, attached *os.File) error {
	if state, err := statusField(monitor.PID, "State"); err == nil && strings.HasPrefix(state, "T") {
		return fmt.Errorf("its monitor, process %d, is stopped; continue it with kill -CONT %d", monitor.PID, monitor.PID)
	}
	c, err := golxc.NewContainer(a.Name, d.LXC())
	if err != nil {
		return fmt.Errorf("load the LXC configuration: %w", err)
	}
	fd, err := c.ConsoleFd(0)
	if err != nil || fd < 0 {
		return ErrConsole
	}
	console := os.NewFile(uintptr(fd), "console")
	_, _ = attached.Write([]byte{1}) // whoever waited may be gone, and then so is the terminal
	_ = attached.Close()
	ended := make(chan error, 2)
	go func() { // ends with the process
		_, err := io.Copy(os.Stdout, console)
		if errors.Is(err, unix.EIO) { // the other end is gone with the container
			err = nil
		}
		ended <- err
	}()
	go func() { ended <- untilEscape(console, os.Stdin) }()
	return <-ended
}

// untilEscape copies what is typed until the escape key or the end of it.
func untilEscape(to io.Writer, from io.Reader) error {
	typed := make([]byte, 4096)
	for {
		n, err := from.Read(typed)
		keys, _, escaped := bytes.Cut(typed[:n], []byte{consoleEscape})
		if _, writeErr := to.Write(keys); writeErr != nil && !errors.Is(writeErr, unix.EIO) {
			return fmt.Errorf("write to the console: %w", writeErr)
		}
		if escaped || errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the terminal: %w", err)
		}
	}
}
