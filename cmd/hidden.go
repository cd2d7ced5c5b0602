package cmd

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/mount"
	"github.com/sysctr/sysctr/systemd"
)

// The hidden verbs are how sysctr runs itself: as a starter, inside a unit, after a reboot from inside, and in a container. They are not for
// people, and they come before the command line's own setup, which starters do not need: each monitor is a copy of its starter.
const (
	unitVerb    = "_unit"    // NAME: the main process of the container's unit
	stoppedVerb = "_stopped" // NAME: after the end of the container's unit
	againVerb   = "_again"   // NAME …: asked by a monitor whose container rebooted or failed
	aloneVerb   = "_alone"   // VERB NAME: unitVerb and againVerb, in a mount namespace of their own
)

// runHidden runs a hidden verb and says whether there was one.
func (a *app) runHidden(args []string) (int, bool) {
	if len(args) == 0 {
		return 0, false
	}
	var run func([]string) error
	switch args[0] {
	case lxc.StarterVerb:
		run = a.starter
	case lxc.AttachVerb:
		return a.attach(args[1:]), true
	case lxc.TrialVerb:
		run = a.trial
	case evidence.Verb:
		run = func([]string) error { return evidence.Serve(os.Stdin, os.Stdout) }
	case manVerb:
		run = a.man
	case unitVerb:
		run = a.unit
	case stoppedVerb:
		run = a.stopped
	case againVerb:
		run = a.again
	case aloneVerb:
		run = a.alone
	default:
		return 0, false
	}
	return a.printer.Fail(output.FormatTable, a.translate(run(args[1:]))), true
}

func (a *app) starter([]string) error {
	defer catchBrokenPipes()()
	unix.CloseOnExec(lxc.LockDescriptor) // for us, not for anything that runs in a container
	if err := mount.Isolate(); err != nil {
		return err
	}
	return manager.Serve(context.Background(), a.dirs, self(), concurrency())
}

func (a *app) trial([]string) error {
	if err := mount.Isolate(); err != nil {
		return err
	}
	answer, err := lxc.Try(a.dirs, idrange.Default().Shared())
	if err == nil {
		_, err = fmt.Fprintln(a.printer.Out(), answer)
	}
	return err
}

// catchBrokenPipes keeps the process alive when whoever reads its output is gone. It catches the signal and does not ignore it: children
// would inherit that, and a container's programs rely on dying of it.
func catchBrokenPipes() func() {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, unix.SIGPIPE)
	return func() { signal.Stop(broken) }
}

// unit moves into a mount namespace of its own by executing itself again in it: the process stays the unit's main one.
func (a *app) unit(args []string) error {
	if len(args) != 1 {
		return usage(errors.New("a unit is of one container"))
	}
	outer, err := mount.Outer()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the namespace is the thread's, and execve keeps that of the calling one
	if err := mount.Unshare(); err != nil {
		return err
	}
	env := []string{"PATH=" + a.dirs.Path(), "NOTIFY_SOCKET=" + os.Getenv("NOTIFY_SOCKET"), outer}
	return fmt.Errorf("execute the starter: %w", unix.Exec(self(), []string{"sysctr", aloneVerb, unitVerb, args[0]}, env))
}

// again starts a detached starter and returns at once: the monitor waits for us, and the starter for the monitor.
func (a *app) again(args []string) error {
	if len(args) == 0 {
		return usage(errors.New("no container is named"))
	}
	cmd, err := lxc.Isolated(self(), a.dirs, aloneVerb, againVerb, args[0])
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run the starter: %w", err)
	}
	return cmd.Process.Release()
}

func (a *app) alone(args []string) error {
	if len(args) != 2 {
		return usage(errors.New("a verb and a container are needed"))
	}
	if err := mount.Isolate(); err != nil {
		return err
	}
	ctx := context.Background()
	if args[0] == againVerb {
		return manager.RunAgain(ctx, a.dirs, self(), args[1])
	}
	socket := os.Getenv("NOTIFY_SOCKET")
	if err := os.Unsetenv("NOTIFY_SOCKET"); err != nil { // nothing that is started from here may speak for the unit
		return err
	}
	err := manager.RunUnit(ctx, a.dirs, self(), args[1], func(ctx context.Context, name string, live record.Live) error {
		if !live.Init.Alive() { // its command is done already
			last := os.Getpid()       // which ends at once, and the unit with it
			if live.Monitor.Alive() { // and has yet to write the command's status: systemd kills what a main process leaves behind
				last = live.Monitor.PID
			}
			return systemd.Ready(socket, last, "done")
		}
		status := "running, not ready"
		if live.Ready {
			status = "running"
		}
		return errors.Join(a.register(ctx, name, live), systemd.Ready(socket, live.Monitor.PID, status))
	})
	if err != nil { // whoever waits for the job is told by this why it failed
		err = errors.Join(err, systemd.Status(socket, err.Error()))
	}
	return err
}

// stopped takes away what a unit that has ended left behind.
func (a *app) stopped(args []string) error {
	if len(args) != 1 {
		return usage(errors.New("a unit is of one container"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	asked, err := systemd.StopAsked(ctx, "", systemd.Unit(args[0]))
	return errors.Join(err, manager.RunStopped(ctx, a.dirs, args[0], asked))
}

// register makes the container known to machinectl. A host without machined, and one whose machined does not answer, is no reason not to
// start.
func (a *app) register(ctx context.Context, name string, live record.Live) error {
	machined, err := systemd.DialMachined(ctx, "")
	if err != nil {
		return nil
	}
	defer machined.Close() // machines stay registered
	rec, err := record.Open(a.dirs.State).Load(name)
	if err != nil {
		return err
	}
	machine := systemd.Machine{Name: name, Leader: live.Init.PID}
	if _, err := hex.Decode(machine.ID[:], []byte(rec.MachineID)); err != nil {
		return err
	}
	if err := machined.Register(ctx, machine); err != nil && !errors.Is(err, systemd.ErrNoMachined) {
		a.printer.Warn("machinectl will not know %s: %v", name, err)
	}
	return nil
}

// attach runs a command in a container; its exit code is the command's own, or ExitOwn with the reason on standard error.
func (a *app) attach(args []string) int {
	var request lxc.Attach
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &request) != nil {
		return a.printer.Fail(output.FormatTable, ownFailure(errors.New("not a request to enter a container")))
	}
	status, err := request.Run(a.dirs)
	if err != nil {
		return a.printer.Fail(output.FormatTable, ownFailure(fmt.Errorf("%s: %w", request.Name, err)))
	}
	return status
}

// self is the program itself: its path, or where that is a sealed copy in memory, the copy.
func self() string {
	path, err := os.Executable()
	if err != nil {
		return "/proc/self/exe"
	}
	return path
}

// concurrency is how many containers a starter starts at a time: much of a start is waiting for processes to come and go. Of 100 command containers on
// two processors each took 10.4 ms with two workers, 9.0 with four, and 9.1 with six (means of eight runs).
func concurrency() int { return 2 * runtime.NumCPU() }
