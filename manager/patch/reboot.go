package patch

import (
	"strings"

	"github.com/sysctr/sysctr/hooks/pkgdb"
	"github.com/sysctr/sysctr/manager/shadow"
)

// Kernel is what is known of the running one.
type Kernel struct {
	Release string // uname -r
	Version string // uname -v; Debian and Ubuntu write the version of the package into it
	// Marked are the packages that asked for a reboot since the last one, as /run/reboot-required.pkgs has them.
	Marked []string
}

const imagePrefix = "linux-image-"

// Reboot says why the host has to be rebooted, as a clause, or "". No restart of a container brings a new kernel or microcode, so this is said
// of the host, once. It goes by the packages of Debian and its kin, and by what packages asked for themselves.
func Reboot(k Kernel, packages []pkgdb.Package) string {
	running, newest := "", ""
	for _, p := range packages {
		release, ok := strings.CutPrefix(p.Name, imagePrefix)
		switch {
		case !ok || release == "" || release[0] < '0' || release[0] > '9' || strings.HasSuffix(release, "-dbg"):
		case release == k.Release:
			running = p.Version
		case newest == "" || shadow.CompareVersions(release, newest) > 0:
			newest = release
		}
	}
	switch {
	case running != "" && newest != "" && shadow.CompareVersions(newest, k.Release) > 0:
		return "kernel " + newest + " is installed and " + k.Release + " runs"
	case running != "" && strings.Contains(k.Version, " Debian ") && !strings.Contains(k.Version, " Debian "+running+" "):
		return "version " + running + " of kernel " + k.Release + " is installed, and an older one of it runs"
	case len(k.Marked) > 0:
		return "asked for by " + strings.Join(k.Marked, ", ")
	}
	return ""
}
