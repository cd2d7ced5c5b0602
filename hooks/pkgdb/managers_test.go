package pkgdb_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// mergedRoot makes a root whose /lib is a link into /usr.
func mergedRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755))
	must(t, os.Symlink("usr/lib", filepath.Join(root, "lib")))
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// realDpkg is dpkg --root.
type realDpkg string

func newDpkg(t *testing.T) realDpkg {
	t.Helper()
	root := mergedRoot(t)
	for _, dir := range []string{"info", "updates", "triggers"} {
		must(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg", dir), 0o755))
	}
	write(t, filepath.Join(root, "var/lib/dpkg/status"), "")
	write(t, filepath.Join(root, "var/lib/dpkg/available"), "")
	return realDpkg(root)
}

func (d realDpkg) name() string { return "dpkg" }
func (d realDpkg) root() string { return string(d) }

func (d realDpkg) build(t *testing.T, b built) string {
	t.Helper()
	tree := t.TempDir()
	at := func(p string) string { return filepath.Join(tree, p) }
	write(t, at("usr/bin/"+b.name), b.text+"\n")
	write(t, at("lib/"+b.name+".so"), b.text+"\n")
	write(t, at("etc/"+b.name+".conf"), b.version+"\n")
	must(t, os.Symlink(b.name, at("usr/bin/"+b.name+"-link")))
	write(t, at("DEBIAN/control"), fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a test\n", b.name, b.version))
	write(t, at("DEBIAN/conffiles"), "/etc/"+b.name+".conf\n")
	if b.pause != nil {
		write(t, at("DEBIAN/postinst"), fmt.Sprintf("#!/bin/sh -e\necho > '%s/arrived'\nread line < '%s/leave'\n", b.pause.dir, b.pause.dir))
		must(t, os.Chmod(at("DEBIAN/postinst"), 0o755))
	}
	sums := exec.Command("sh", "-c", "md5sum usr/bin/"+b.name+" lib/"+b.name+".so > DEBIAN/md5sums")
	sums.Dir = tree
	run(t, sums)
	file := filepath.Join(t.TempDir(), b.name+".deb")
	run(t, exec.Command("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, file))
	return file
}

func (d realDpkg) dpkg(args ...string) *exec.Cmd {
	// Chrootless: the root has no shell.
	cmd := exec.Command("dpkg", append([]string{"--root=" + string(d), "--force-script-chrootless,confnew", "--log=/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

func (d realDpkg) install(file string) *exec.Cmd { return d.dpkg("-i", file) }
func (d realDpkg) remove(name string) *exec.Cmd  { return d.dpkg("-P", name) }

// realRpm is rpm --root.
type realRpm string

func newRpm(t *testing.T) realRpm {
	t.Helper()
	root := mergedRoot(t)
	must(t, os.MkdirAll(filepath.Join(root, "var/lib/rpm"), 0o755))
	return realRpm(root)
}

func (r realRpm) name() string { return "rpm" }
func (r realRpm) root() string { return string(r) }

func (r realRpm) build(t *testing.T, b built) string {
	t.Helper()
	top := t.TempDir()
	script := ""
	if b.pause != nil { // rpm's own Lua: the root has no shell
		script = "%post -p <lua>\nlocal a = io.open('/arrived', 'w')\na:write('\\n')\na:close()\nlocal l = io.open('/leave', 'r')\nl:read()\nl:close()\n"
	}
	write(t, filepath.Join(top, "x.spec"), fmt.Sprintf(`%%global debug_package %%{nil}
%%global __os_install_post %%{nil}
Name: %[1]s
Version: %[2]s
Release: 1
Summary: a test
License: MIT
BuildArch: noarch
%%description
a test
%%install
mkdir -p %%{buildroot}/usr/bin %%{buildroot}/lib %%{buildroot}/etc
echo %[3]s > %%{buildroot}/usr/bin/%[1]s
echo %[3]s > %%{buildroot}/lib/%[1]s.so
echo %[2]s > %%{buildroot}/etc/%[1]s.conf
ln -s %[1]s %%{buildroot}/usr/bin/%[1]s-link
%%files
/usr/bin/%[1]s
/usr/bin/%[1]s-link
/lib/%[1]s.so
%%config /etc/%[1]s.conf
%[4]s`, b.name, b.version, b.text, script))
	for _, dir := range []string{"BUILD", "RPMS", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(top, dir), 0o755))
	}
	run(t, exec.Command("rpmbuild", "--quiet", "-bb", "--define", "_topdir "+top, "--define", "_tmppath "+top+"/tmp", filepath.Join(top, "x.spec")))
	files, err := filepath.Glob(filepath.Join(top, "RPMS/noarch/*.rpm"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("rpmbuild made %v", files)
	}
	return files[0]
}

func (r realRpm) rpm(args ...string) *exec.Cmd {
	return exec.Command("rpm", append([]string{"--root", string(r), "--dbpath", "/var/lib/rpm"}, args...)...)
}

func (r realRpm) install(file string) *exec.Cmd {
	return r.rpm("-U", "--nodeps", "--replacepkgs", "--oldpackage", "--force-debian", file)
}

func (r realRpm) remove(name string) *exec.Cmd { return r.rpm("-e", "--nodeps", name) }
