package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// demo is a package for patch stories: in each version another library, programs, an interpreter's module, data, a conffile.
type demo struct {
	version string
	bytes   string // what its files say; the version, unless the same one is built from other sources
	dir     string // holds what is built
	script  string // a postinst, or none
}

// Names of what every demo has. Each file says its bytes somewhere.
const (
	demoLib     = "/usr/lib/demo/libdemo.so"
	demoProgram = "/usr/bin/demo-say"    // says what the library says, and with an argument waits for ever
	demoScript  = "/usr/bin/demo-script" // perl, waits for ever
	demoModule  = "/usr/share/perl5/Demo.pm"
	demoData    = "/usr/share/demo/data"
	demoLink    = "/usr/share/demo/link"
	demoConf    = "/etc/demo.conf"
	demoSealed  = "/usr/bin/demo-sealed" // mode 0711: nobody else reads it, so that containers get a copy in their seed
	demoFirst   = "/usr/share/demo/only-1"
	demoLater   = "/usr/share/demo/from-2"
)

// paths are those that every demo has.
func (demo) paths() []string {
	return []string{demoLib, demoProgram, demoScript, demoModule, demoData, demoLink, demoConf}
}

// build makes the package and returns the path of its file on this machine.
func (d demo) build(t testing.TB) string {
	t.Helper()
	root := filepath.Join(d.dir, "demo-"+d.version+"-"+d.bytes)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{
		"DEBIAN/control":                   fmt.Sprintf("Package: demo\nVersion: %s\nArchitecture: amd64\nMaintainer: nobody <nobody@example.com>\nDescription: a story\n", d.version),
		"DEBIAN/conffiles":                 demoConf + "\n",
		demoScript:                         "#!/usr/bin/perl\n# " + d.bytes + "\nsleep;\n",
		demoModule:                         "package Demo;\nsub say { print \"" + d.bytes + "\\n\" }\n1;\n",
		demoData:                           d.bytes + "\n",
		"usr/share/demo/target-" + d.bytes: d.bytes + "\n",
		demoConf:                           "says = " + d.bytes + "\n",
		demoSealed:                         "#!/bin/sh\necho " + d.bytes + "\n",
	}
	if d.version == "1" {
		texts[demoFirst] = "1\n"
	} else {
		texts[demoLater] = d.bytes + "\n"
	}
	if d.script != "" {
		texts["DEBIAN/postinst"] = d.script
	}
	for path, text := range texts {
		mode := os.FileMode(0o644)
		switch {
		case path == demoSealed:
			mode = 0o711
		case strings.HasPrefix(path, "/usr/bin/"), path == "DEBIAN/postinst":
			mode = 0o755
		}
		to := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, to, text, mode)
	}
	d.link(t, root)
	d.compile(t, root)
	file := root + ".deb"
	if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "-Zgzip", "-b", root, file).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return file
}

func (d demo) link(t testing.TB, root string) {
	t.Helper()
	if err := os.Symlink("target-"+d.bytes, filepath.Join(root, demoLink)); err != nil {
		t.Fatal(err)
	}
}

func (d demo) compile(t testing.TB, root string) {
	t.Helper()
	need.Command(t, "gcc", "install the package gcc")
	sources := map[string]string{
		"lib.c": "const char *demo_say(void) { return \"" + d.bytes + "\"; }\n",
		"say.c": "#include <stdio.h>\n#include <unistd.h>\nconst char *demo_say(void);\n" +
			"int main(int n, char **v) { puts(demo_say()); fflush(stdout); while (n > 1) pause(); return 0; }\n/* " + d.bytes + " */\n" +
			"const char mark[] = \"" + d.bytes + "\";\n",
	}
	for name := range maps.Keys(sources) {
		write(t, filepath.Join(d.dir, name), sources[name], 0o644)
	}
	lib := filepath.Join(root, demoLib)
	if err := os.MkdirAll(filepath.Dir(lib), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-shared", "-fPIC", "-Wl,-soname,libdemo.so", "-o", lib, "lib.c"},
		{"-o", filepath.Join(root, demoProgram), "say.c", lib, "-Wl,-rpath," + filepath.Dir(demoLib)},
	} {
		gcc := exec.CommandContext(t.Context(), "gcc", args...)
		gcc.Dir = d.dir
		if out, err := gcc.CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v: %s", err, out)
		}
	}
}
