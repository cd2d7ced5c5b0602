package shadow

import (
	"path"
	"slices"
	"strings"
)

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	return strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

// IsDatabase tells what package managers keep for themselves.
func IsDatabase(p string) bool {
	return slices.ContainsFunc([]string{
		"/var/lib/dpkg", "/var/lib/apt", "/var/cache/apt", "/var/cache/debconf", "/var/lib/ucf",
		"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/var/lib/dnf", "/var/cache/dnf", "/usr/lib/sysimage/libdnf5", "/var/cache/libdnf5",
		"/var/lib/yum", "/var/cache/yum", "/var/lib/zypp", "/var/cache/zypp", "/var/lib/pacman", "/var/cache/pacman",
		"/lib/apk/db", "/usr/lib/apk/db", "/var/cache/apk", "/var/db/xbps",
	}, func(dir string) bool { return within(p, dir) })
}

// IsAccounts tells the files that Lacking compares.
func IsAccounts(p string) bool {
	switch p {
	case "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid", "/etc/subgid":
		return true
	}
	return false
}

// isIndex tells derived files that only name others.
func isIndex(p string) bool { return p == "/etc/ld.so.cache" || within(p, "/var/cache/ldconfig") }

// isDerived tells files that programs make from others, as the hooks of packages have them do.
func isDerived(p string) bool {
	switch p {
	case "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/java/cacerts", "/usr/lib/locale/locale-archive", "/etc/mailcap":
		return true
	}
	switch path.Base(p) {
	case "gconv-modules.cache", "giomodule.cache", "gschemas.compiled", "icon-theme.cache", "loaders.cache", "immodules.cache", "mime.cache", "hwdb.bin":
		return within(p, "/usr") || within(p, "/etc")
	}
	return isIndex(p) || within(p, "/etc/pki/ca-trust/extracted") || within(p, "/var/cache/fontconfig") || within(p, "/var/cache/man")
}

const (
	setID      = 0o6000
	executable = 0o111
)

// severity ranks what is hidden at a path, of which mode is the host's, or that of the entry where the host has nothing.
func severity(p string, mode uint32) Severity {
	name := path.Base(p)
	switch {
	case mode&setID != 0, mode&executable != 0, strings.HasSuffix(name, ".so"), strings.Contains(name, ".so."):
		return High
	case within(p, "/etc"), within(p, "/var"):
		return Low
	}
	return Medium
}

// worse returns the worse of two.
func worse(a, b Severity) Severity {
	order := []Severity{None, Low, Medium, High}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}
