package patch_test

import (
	"testing"

	"github.com/sysctr/sysctr/hooks/pkgdb"
	"github.com/sysctr/sysctr/manager/patch"
)

func TestReboot(t *testing.T) {
	image := func(release, version string) pkgdb.Package {
		return pkgdb.Package{Name: "linux-image-" + release, Version: version}
	}
	running := patch.Kernel{Release: "6.1.0-9-amd64", Version: "#1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)"}
	marked := running
	marked.Marked = []string{"intel-microcode", "linux-base"}
	tests := map[string]struct {
		kernel   patch.Kernel
		packages []pkgdb.Package
		want     string
	}{
		"as installed":           {running, []pkgdb.Package{image("6.1.0-9-amd64", "6.1.27-1"), {Name: "linux-image-amd64", Version: "6.1.27-1"}}, ""},
		"an older one is left":   {running, []pkgdb.Package{image("6.1.0-7-amd64", "6.1.20-1"), image("6.1.0-9-amd64", "6.1.27-1")}, ""},
		"a newer one":            {running, []pkgdb.Package{image("6.1.0-10-amd64", "6.1.38-1"), image("6.1.0-9-amd64", "6.1.27-1")}, "kernel 6.1.0-10-amd64 is installed and 6.1.0-9-amd64 runs"},
		"the same, built anew":   {running, []pkgdb.Package{image("6.1.0-9-amd64", "6.1.28-1")}, "version 6.1.28-1 of kernel 6.1.0-9-amd64 is installed, and an older one of it runs"},
		"a kernel of no package": {patch.Kernel{Release: "6.18.1", Version: "#1"}, []pkgdb.Package{image("6.1.0-9-amd64", "6.1.27-1")}, ""},
		"debug symbols":          {running, []pkgdb.Package{image("6.1.0-9-amd64", "6.1.27-1"), image("6.1.0-10-amd64-dbg", "6.1.38-1")}, ""},
		"asked for":              {marked, []pkgdb.Package{image("6.1.0-9-amd64", "6.1.27-1")}, "asked for by intel-microcode, linux-base"},
		"none":                   {patch.Kernel{}, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := patch.Reboot(test.kernel, test.packages); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
