package manager

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/patch"
)

// rebootMarks is where packages of Debian and Ubuntu ask for a reboot, one name a line.
const rebootMarks = "/run/reboot-required.pkgs"

// runningKernel says what is known of the kernel that runs; what cannot be told is empty.
func runningKernel() patch.Kernel {
	var k patch.Kernel
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		k.Release, k.Version = unix.ByteSliceToString(uts.Release[:]), unix.ByteSliceToString(uts.Version[:])
	}
	if marks, err := os.ReadFile(rebootMarks); err == nil {
		k.Marked = strings.Fields(string(marks))
		slices.Sort(k.Marked)
		k.Marked = slices.Compact(k.Marked)
	}
	return k
}
