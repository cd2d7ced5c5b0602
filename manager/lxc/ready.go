package lxc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// notify is the socket on which a container's systemd says that it has booted: sd_notify(3), bound into the container at /dev/.sysctr. Anybody
// inside can write to it, so a message counts only with the kernel's word that the container's init sent it (SCM_CREDENTIALS, unix(7)).
type notify struct {
	conn *net.UnixConn
	file string
}

// listen binds the socket in dir, a directory that is only the container's; a socket left there is replaced.
func listen(dir string) (*notify, error) {
	file := filepath.Join(dir, "notify")
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replace the notify socket: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: file, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("listen for READY: %w", err)
	}
	n := &notify{conn: conn, file: file}
	if err := errors.Join(n.wantCredentials(), os.Chmod(file, 0o666)); err != nil { // the container's root is another user
		return nil, errors.Join(fmt.Errorf("listen for READY: %w", err), n.close())
	}
	return n, nil
}

func (n *notify) wantCredentials() error {
	raw, err := n.conn.SyscallConn()
	if err != nil {
		return err
	}
	var set error
	if err := raw.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	}); err != nil {
		return err
	}
	return set
}

// wait returns nil when the process init has sent READY=1, and an error when ctx ends first. It takes messages that came before it was
// called.
func (n *notify) wait(ctx context.Context, init int) error {
	stop := context.AfterFunc(ctx, func() { _ = n.conn.SetReadDeadline(time.Unix(1, 0)) }) // wakes the read
	defer stop()
	message, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		size, controlSize, _, _, err := n.conn.ReadMsgUnix(message, control)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("wait for READY: %w", err)
		}
		if sender(control[:controlSize]) == init && saysReady(message[:size]) {
			return nil
		}
	}
}

func (n *notify) close() error {
	return errors.Join(n.conn.Close(), os.Remove(n.file))
}

// sender returns the process id that the kernel vouches for, 0 where there is none.
func sender(control []byte) int {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for i := range messages {
		if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			return int(cred.Pid)
		}
	}
	return 0
}

func saysReady(message []byte) bool {
	for _, line := range bytes.Split(message, []byte("\n")) {
		if string(line) == "READY=1" {
			return true
		}
	}
	return false
}
