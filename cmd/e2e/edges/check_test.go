package edges_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/edges"
)

func TestTree(t *testing.T) {
	found, err := edges.Check(os.DirFS("../../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range found {
		t.Error(each)
	}
}

// ours begins an import of our own module.
const ours = "github.com/sysctr/sysctr/"

// source is a file of a documented package.
func source(imports ...string) string {
	var text strings.Builder
	text.WriteString("// Package p is for a test.\npackage p\n")
	for _, each := range imports {
		text.WriteString("import _ \"" + each + "\"\n")
	}
	return text.String()
}

func TestCheck(t *testing.T) {
	long := strings.Repeat("\n", 300)
	body := strings.Repeat("\n", 41)
	for _, test := range []struct {
		summary string
		tree    map[string]string
		want    []string
	}{
		{summary: "nothing"},
		{summary: "downwards", tree: map[string]string{
			"cmd/a.go":     source(ours+"manager", ours+"overlay/mount", ours+"profiles/name", "github.com/spf13/cobra"),
			"manager/a.go": source(ours+"manager/record", ours+"overlay", "golang.org/x/sys/unix", "os/exec"),
		}},
		{summary: "manager is of cmd alone", tree: map[string]string{"systemd/a.go": source(ours + "manager")}, want: []string{
			"systemd/a.go:3: systemd must not import manager",
		}},
		{summary: "a part of manager", tree: map[string]string{"manager/lxc/a.go": source(ours + "manager")}, want: []string{
			"manager/lxc/a.go:3: manager/lxc must not import manager",
		}},
		{summary: "its tests neither", tree: map[string]string{"manager/lxc/a_test.go": source(ours + "manager")}, want: []string{
			"manager/lxc/a_test.go:3: manager/lxc must not import manager",
		}},
		{summary: "overlay looks up", tree: map[string]string{"overlay/mask/a.go": source(ours + "cmd/output")}, want: []string{
			"overlay/mask/a.go:3: overlay/mask must not import cmd/output",
		}},
		{summary: "bottom packages", tree: map[string]string{
			"profiles/name/a.go": source(ours + "profiles"), "overlay/beneath/a.go": source(ours + "overlay"),
		}, want: []string{
			"overlay/beneath/a.go:3: overlay/beneath must not import overlay", "profiles/name/a.go:3: profiles/name must not import profiles",
		}},
		{summary: "tests import themselves and test hosts", tree: map[string]string{
			"profiles/a.go": source(), "profiles/a_test.go": source(ours+"profiles", ours+"cmd/e2e/need", "github.com/google/go-cmp/cmp"),
		}},
		{summary: "shipped code does not", tree: map[string]string{
			"profiles/a.go": source(ours+"cmd/e2e/need", "github.com/google/go-cmp/cmp"),
		}, want: []string{
			"profiles/a.go:3: profiles must not import cmd/e2e/need", "profiles/a.go:4: only tests may import github.com/google/go-cmp/cmp",
		}},
		{summary: "modules of others in their place", tree: map[string]string{
			"manager/lxc/a.go": source("C", "github.com/lxc/go-lxc"), "profiles/a.go": source("gopkg.in/yaml.v3"),
			"cmd/output/a.go": source("gopkg.in/yaml.v3"), "systemd/a.go": source("github.com/coreos/go-systemd/v22/dbus", "github.com/godbus/dbus/v5"),
		}},
		{summary: "modules of others elsewhere", tree: map[string]string{
			"cmd/a.go":      source("C", "gopkg.in/yaml.v3", "github.com/godbus/dbus/v5"),
			"profiles/a.go": source("github.com/lxc/go-lxc", "github.com/spf13/cobra"),
		}, want: []string{
			"cmd/a.go:3: cmd must not import C: only manager/lxc may",
			"cmd/a.go:4: cmd must not import gopkg.in/yaml.v3: only profiles and cmd/output may",
			"cmd/a.go:5: cmd must not import github.com/godbus/dbus/v5: only systemd and systemd/ask may",
			"profiles/a.go:3: profiles must not import github.com/lxc/go-lxc: only manager/lxc and cmd/e2e/bench/floor may",
			"profiles/a.go:4: profiles must not import github.com/spf13/cobra: only cmd may",
		}},
		{summary: "a module that only looks like ours or known", tree: map[string]string{
			"cmd/a.go": source("github.com/sysctr/sysctrl/x", "github.com/spf13/cobra-ext"),
		}, want: []string{
			"cmd/a.go:3: github.com/sysctr/sysctrl/x is no module that we depend on", "cmd/a.go:4: github.com/spf13/cobra-ext is no module that we depend on",
		}},
		{summary: "mount calls", tree: map[string]string{
			"overlay/mount/a.go":   source() + "import \"golang.org/x/sys/unix\"\nvar _ = unix.Mount\n",
			"manager/a_test.go":    source() + "import \"syscall\"\nvar _ = syscall.Mount\n",
			"manager/a.go":         source() + "import k \"golang.org/x/sys/unix\"\nvar _, _ = k.Mount, k.Open\n",
			"overlay/delta/a.go":   source() + "import \"syscall\"\nvar _ = syscall.SYS_UMOUNT2\n",
			"overlay/delta/own.go": source() + "import . \"syscall\"\nvar unix struct{ Mount int }\nvar _ = unix.Mount\n",
		}, want: []string{
			"manager/a.go:4: manager must not call Mount: only overlay/mount and cmd/e2e and cmd/e2e/need and cmd/e2e/bench and cmd/e2e/faults may",
			"overlay/delta/a.go:4: overlay/delta must not call SYS_UMOUNT2: only overlay/mount and cmd/e2e and cmd/e2e/need and cmd/e2e/bench and cmd/e2e/faults may",
			"overlay/delta/own.go:3: import of syscall without its name hides mount calls",
		}},
		{summary: "long", tree: map[string]string{
			"cmd/a.go":      source() + long,
			"cmd/b.go":      source() + "func long() {\n" + body + "}\nfunc short() {\n" + body[1:] + "}\n",
			"cmd/a_test.go": source() + "func long() {\n" + body + "}\n",
		}, want: []string{"cmd/a.go:1: the file has 302 lines, more than 300", "cmd/b.go:3: long has 41 lines, more than 40"}},
		{summary: "long with a reason", tree: map[string]string{
			"cmd/a.go": "// Package p is for a test.\npackage p\n// long: a table\n" + long,
			"cmd/b.go": source() + "// long: a table\nfunc f() {\n" + body + "}\nfunc g() {\n// long: one switch\n" + body + "}\n",
		}},
		{summary: "a reason of another, or none", tree: map[string]string{
			"cmd/a.go": source() + "// long: a table\nfunc f() {\n" + long + "}\n",
			"cmd/b.go": source() + "// long: \nfunc f() {\n" + body + "}\n",
		}, want: []string{"cmd/a.go:1: the file has 305 lines, more than 300", "cmd/b.go:4: f has 41 lines, more than 40"}},
		{summary: "no package comment", tree: map[string]string{"cmd/a.go": "package p\n"}, want: []string{"cmd: no package comment: write doc.go"}},
		{summary: "unknown folders and files", tree: map[string]string{
			"util/a.go": "x", "NOTES": "x", "manager/helpers/a.go": source(), ".ci/run": "x", "cmd/testdata/a.go": "x",
		}, want: []string{
			"NOTES: the top level does not hold this: put it into a folder of the design",
			"manager/helpers/a.go: folder manager/helpers is not in the list of edges",
			"util: the top level does not hold this: put it into a folder of the design",
		}},
		{summary: "no Go", tree: map[string]string{"cmd/a.go": "pack"}, want: []string{"cmd/a.go: cmd/a.go:1:1: expected 'package', found pack"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			tree := make(fstest.MapFS)
			for name, text := range test.tree {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			found, err := edges.Check(tree)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, found); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}
