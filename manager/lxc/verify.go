package lxc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/profiles"
)

// ErrPromise is wrapped by every error that says a container has been started with less protection than promised. Such a container is
// killed before anybody is told that it runs.
var ErrPromise = errors.New("a promise does not hold")

// promised is what a started container must look like from the host.
type promised struct {
	Range     idrange.Range // zero: no user namespace
	Device    uint64        // st_dev of its root
	Dropped   []string      // capabilities
	Isolation profiles.Isolation
}

// verify reads from the host's own /proc (the container's can lie) that the container's init is as confined as its record says.
func verify(initPID int, p promised) error {
	return errors.Join(verifyIDs(initPID, p), verifyRoot(initPID, p), verifySeccomp(initPID), verifyCapabilities(initPID, p))
}

// executed waits until the container's init has executed its program. Until then it is a copy of this very process, with its memory and with
// capabilities that only execve(2) takes away; liblxc says that the container runs a little earlier.
func executed(initPID int) error {
	const patience = 10 * time.Second
	var own, its unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &own); err != nil {
		return fmt.Errorf("look at the own program: %w", err)
	}
	for begun, pause := time.Now(), 100*time.Microsecond; time.Since(begun) < patience; pause = min(2*pause, 10*time.Millisecond) {
		if err := unix.Stat(fmt.Sprintf("/proc/%d/exe", initPID), &its); err != nil {
			return fmt.Errorf("the container ended at once: %w", err)
		}
		if its.Dev != own.Dev || its.Ino != own.Ino {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("%w: 3, no more privilege than recorded: its init has executed nothing for %v", ErrPromise, patience)
}

func verifyIDs(pid int, p promised) error {
	want := fmt.Sprintf("0 %d %d", p.Range.Start, p.Range.Size)
	if p.Isolation == profiles.Privileged {
		want = "0 0 4294967295"
	}
	for _, file := range []string{"uid_map", "gid_map"} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil {
			return fmt.Errorf("read the container's id map: %w", err)
		}
		if got := strings.Join(strings.Fields(string(data)), " "); got != want {
			return fmt.Errorf("%w: 3, no more privilege than recorded: the %s is %q, recorded is %q", ErrPromise, file, got, want)
		}
	}
	return nil
}

// verifyRoot compares the device of the root: each overlay has one of its own, so a container on another root (the host's, a stale
// mount) is found whatever its files look like.
func verifyRoot(pid int, p promised) error {
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/root", pid), &st); err != nil {
		return fmt.Errorf("look at the container's root: %w", err)
	}
	if st.Dev != p.Device {
		return fmt.Errorf("%w: 2, sealed files of the host: the container's root is device %d and not its own overlay, %d", ErrPromise, st.Dev, p.Device)
	}
	return nil
}

func verifySeccomp(pid int) error {
	mode, err := statusField(pid, "Seccomp")
	if err != nil {
		return fmt.Errorf("read the container's seccomp mode: %w", err)
	}
	if mode != "2" {
		return fmt.Errorf("%w: 1, container root is not host root: no system call filter is on (mode %q)", ErrPromise, mode)
	}
	return nil
}

// verifyCapabilities looks at what init may ever have and at what it has: a process keeps what it has when the bounding set shrinks.
func verifyCapabilities(pid int, p promised) error {
	all := profiles.Capabilities()
	for _, set := range []string{"CapBnd", "CapPrm"} {
		text, err := statusField(pid, set)
		if err != nil {
			return fmt.Errorf("read the container's capabilities: %w", err)
		}
		has, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return fmt.Errorf("read the container's capabilities: %w", err)
		}
		for _, name := range p.Dropped {
			n := slices.Index(all, name)
			if n < 0 {
				return fmt.Errorf("%w: 3, no more privilege than recorded: %q is no capability", ErrPromise, name)
			}
			if has&(1<<n) != 0 {
				return fmt.Errorf("%w: 3, no more privilege than recorded: the container still has %s (%s)", ErrPromise, name, set)
			}
		}
	}
	return nil
}
