package systemd

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Ready tells systemd that the unit has started and that its main process is from now on mainPID, with a status for people. socket is the
// value of NOTIFY_SOCKET, a path or an abstract name after an @; if it is empty there is nobody to tell and nothing happens.
//
// Both facts go in one datagram: with NotifyAccess=main, whoever has named another main process is not heard any more, and a READY=1 that
// follows is dropped (sd_notify(3)). mainPID has to be a process of the unit and a child of PID 1, as a daemon is whose parent has ended:
// with any other, systemd does not wait for its end and kills it together with the stop signal. The caller may exit at once.
func Ready(socket string, mainPID int, status string) error {
	if mainPID <= 1 {
		return fmt.Errorf("name main process %d: %w", mainPID, ErrSetting)
	}
	return notify(socket, fmt.Sprintf("MAINPID=%d\nREADY=1\nSTATUS=%s\n", mainPID, oneLine(status)))
}

// Status tells systemd how the main process is doing; socket is as for Ready. systemctl status shows it. If the process then exits with a
// failure, it is the Status of the JobError.
func Status(socket, status string) error {
	return notify(socket, fmt.Sprintf("STATUS=%s\n", oneLine(status)))
}

func notify(socket, message string) (err error) {
	if socket == "" {
		return nil
	}
	if !strings.HasPrefix(socket, "/") && !strings.HasPrefix(socket, "@") {
		return fmt.Errorf("notify socket %q: %w: want an absolute path or an abstract name", socket, ErrSetting)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
