package lxc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// attachDeadline bounds how long entering a container may take; the command inside may then run for as long as it likes.
const attachDeadline = 20 * time.Second

// ErrStuck says that liblxc did not get into a container in time.
var ErrStuck = fmt.Errorf("entering the container took longer than %v; its monitor may be stopped", attachDeadline)

// Streams are the standard streams of a command inside a container. They are relayed through pipes: nothing of the host's is handed in.
// With Attach.TTY all three are the operator's terminal and In must be an *os.File.
type Streams struct {
	In       io.Reader // nil: at its end
	Out, Err io.Writer
}

// Exec runs a command inside a container, in a child of its own that executes the program, and returns the command's status (128+n for a
// signal). When ctx ends the child is killed, and the command with its streams closed. The error is nil when the command ran, whatever its
// status.
func (p *Program) Exec(ctx context.Context, a Attach, s Streams) (int, error) {
	return p.execWithin(ctx, a, s, attachDeadline)
}

// execWithin is Exec with the time that entering may take.
func (p *Program) execWithin(ctx context.Context, a Attach, s Streams, deadline time.Duration) (int, error) {
	request, err := json.Marshal(a)
	if err != nil {
		return 0, fmt.Errorf("enter the container: %w", err)
	}
	ready, attached, err := os.Pipe()
	if err != nil {
		return 0, fmt.Errorf("enter the container: %w", err)
	}
	defer ready.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := p.command(ctx, AttachVerb, string(request))
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{attached}
	cmd.WaitDelay = time.Second
	if err := connect(cmd, a.TTY, s); err != nil {
		return 0, errors.Join(err, attached.Close())
	}
	err = cmd.Start()
	_ = attached.Close()
	if err != nil {
		return 0, fmt.Errorf("enter the container: %w", err)
	}
	timer := time.AfterFunc(deadline, func() { cancel(ErrStuck) })
	go func() { // ends with the child, which holds the other end
		_, _ = ready.Read(make([]byte, 1))
		timer.Stop()
	}()
	return result(ctx, cmd, cmd.Wait())
}

// connect wires the child's streams: pipes, or the terminal itself for the child to relay.
func connect(cmd *exec.Cmd, tty bool, s Streams) error {
	if tty {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Out, s.Err
		return nil
	}
	cmd.Stdout, cmd.Stderr = struct{ io.Writer }{s.Out}, struct{ io.Writer }{s.Err} // not an *os.File, so that a pipe is made
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("enter the container: %w", err)
	}
	if s.In == nil {
		return stdin.Close()
	}
	go func() { // not waited for: it may hang in a read of the operator's terminal
		_, _ = io.Copy(stdin, s.In)
		_ = stdin.Close()
	}()
	return nil
}

// result tells the command's end from the child's own.
func result(ctx context.Context, cmd *exec.Cmd, err error) (int, error) {
	if cause := context.Cause(ctx); cause != nil {
		return 0, cause
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return 0, fmt.Errorf("enter the container: %w", err)
	}
	if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}
