package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/bench/floor"
	"github.com/sysctr/sysctr/overlay/mount"
)

// role is the environment variable that tells a process of a run what it is: "" the first one, else one of the roles.
const role = "SYSCTR_BENCH_ROLE"

const (
	roleInside = "inside" // in the run's mount namespace; prefixVariable names the run
	roleFloor  = "floor"  // a floor program; the job is its standard input
)

// prefixVariable is the environment variable with the prefix of the run's container names.
const prefixVariable = "SYSCTR_BENCH_PREFIX"

// Main is the whole program and returns its exit code: 0 if everything could be measured, however it compares with the goals; 2 for a bad
// command line.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	var err error
	switch os.Getenv(role) {
	case roleFloor:
		err = runFloor()
	case roleInside:
		err = inside(ctx, args)
	default:
		err = outside(ctx, args)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, err)
		return 2
	default:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
}

var errUsage = errors.New("see -help")

func runFloor() error {
	job, err := floor.Read(os.Stdin)
	if err != nil {
		return err
	}
	return floor.Run(job)
}

// outside makes the run's directory, runs the program again in namespaces of its own, and removes what that leaves.
func outside(ctx context.Context, args []string) (err error) {
	o, err := Parse(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w; %w", err, errUsage)
	}
	if os.Geteuid() != 0 {
		return errors.New("containers are root's: run it with sudo")
	}
	if err := sweepDead(o.Dir); err != nil {
		return fmt.Errorf("remove what a killed run left: %w", err)
	}
	prefix := namePrefix + strconv.Itoa(os.Getpid()) + "-"
	state := filepath.Join(o.Dir, prefix+"state")
	if err := os.Mkdir(state, 0o700); err != nil {
		return err
	}
	changes := changesDir + prefix + "host"
	defer func() {
		err = errors.Join(err, sweepRun(prefix), removeState(state), removeState(changes))
	}()
	for _, dir := range []string{changes, etcDir} { // of the host's own root, where containers see them
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // everybody may see them
			return err
		}
	}
	// Mount points. They stay: to remove one would unmount it in every other namespace, such as that of another run or of a test.
	for _, dir := range []string{stateDir, runDir} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return err
		}
	}
	return again(ctx, args, prefix, o.CPUs)
}

// again runs this program in a new mount and network namespace, pinned to the first processors of those that the caller may use.
func again(ctx context.Context, args []string, prefix string, cpus int) error {
	outer, err := mount.Outer()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) } // it cleans up and ends
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), role+"="+roleInside, prefixVariable+"="+prefix, outer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET, Setpgid: true} // an interrupt from the terminal comes through us
	runtime.LockOSThread()                                                                                  // a child inherits the affinity of the thread that makes it
	if err := pin(cpus); err != nil {
		return err
	}
	return cmd.Run()
}

// pin restricts the calling thread to the first n of its processors, see sched_setaffinity(2).
func pin(n int) error {
	var have, want unix.CPUSet
	if err := unix.SchedGetaffinity(0, &have); err != nil {
		return fmt.Errorf("read which processors may be used: %w", err)
	}
	if n == 0 || have.Count() <= n {
		return nil
	}
	for cpu := 0; want.Count() < n; cpu++ {
		if have.IsSet(cpu) {
			want.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &want); err != nil {
		return fmt.Errorf("pin to %d processors: %w", n, err)
	}
	return nil
}
