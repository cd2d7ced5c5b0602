package generation

import (
	"slices"
	"strings"
)

// Class says what kind of path a change is of. It exempts nothing from being looked at, except Database.
type Class string

// The classes, and what belongs to each.
const (
	Program     Class = "program"     // of a package, outside /etc
	Conffile    Class = "conffile"    // configuration of a package
	Config      Class = "config"      // in /etc, of no package's conffiles
	Local       Class = "local"       // in /usr/local, or of no package and outside /etc
	Alternative Class = "alternative" // a link of update-alternatives(1), or one to such a link
	Derived     Class = "derived"     // made by programs from other files: ld.so.cache, certificate bundles, caches
	Database    Class = "database"    // the package manager's own: never by itself a reason for anything
)

// own says whether the path is the package manager's own.
func own(path string) bool {
	return slices.ContainsFunc(owned(), func(dir string) bool { return within(path, dir) })
}

// owned are the directories of package managers, none of which holds what a program of a container runs on.
func owned() []string {
	return []string{
		"/var/lib/dpkg", "/var/lib/apt", "/var/cache/apt", "/var/cache/debconf", "/var/lib/rpm", "/usr/lib/sysimage/rpm", "/var/lib/dnf",
		"/var/cache/dnf", "/var/lib/yum", "/var/cache/yum", "/var/cache/zypp", "/var/lib/zypp", "/var/lib/pacman", "/var/cache/pacman",
		"/var/lib/command-not-found", "/var/lib/ucf",
	}
}

// derived says whether the path is made by programs from other files.
func derived(path string) bool {
	switch path {
	case "/etc/ld.so.cache", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts", "/usr/lib/locale/locale-archive",
		"/usr/share/info/dir", "/usr/lib/udev/hwdb.bin", "/etc/udev/hwdb.bin", "/usr/lib/systemd/catalog/database":
		return true
	}
	if within(path, "/var/cache") || within(path, "/etc/pki/ca-trust/extracted") || within(path, "/etc/ssl/certs") {
		return true
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch name {
	case "gconv-modules.cache", "icon-theme.cache", "mime.cache", "giomodule.cache", "loaders.cache", "immodules.cache", "gschemas.compiled",
		"mimeinfo.cache", "fonts.dir", "fonts.scale", "ls-R":
		return true
	}
	return strings.HasSuffix(name, ".pyc") || within(path, "/usr/share/mime") || strings.HasPrefix(name, "modules.") && within(path, "/usr/lib/modules")
}

// classify says of what class a changed path is. owned: a package has it, as a conffile if so. targets: where it points and pointed.
func classify(path string, owned, conffile bool, targets ...string) Class {
	link := func(target string) bool { return within(target, "/etc/alternatives") }
	switch {
	case own(path):
		return Database
	case within(path, "/etc/alternatives") || slices.ContainsFunc(targets, link):
		return Alternative
	case derived(path):
		return Derived
	case conffile:
		return Conffile
	case within(path, "/etc"):
		return Config
	case !owned || within(path, "/usr/local"):
		return Local
	}
	return Program
}

// within says whether the path is dir or lies below it.
func within(path, dir string) bool {
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}
