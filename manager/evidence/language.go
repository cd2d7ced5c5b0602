package evidence

import (
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// language is a kind of interpreter. Interpreters read their modules and close them, so what a process has loaded of them cannot be seen;
// what can be seen is that it started before they changed.
type language struct {
	programs []string // names of its programs, without versions
	modules  []string // names of directories that only hold modules, without versions
	suffixes []string // of modules that lie elsewhere
}

var languages = []*language{
	{programs: []string{"python", "pypy"}, modules: []string{"python", "pypy"}, suffixes: []string{".py", ".pyc", ".pth", ".egg"}},
	{programs: []string{"perl"}, modules: []string{"perl", "perl-base"}, suffixes: []string{".pm", ".pl", ".al"}},
	{programs: []string{"ruby"}, modules: []string{"ruby", "gems", "rubygems-integration"}, suffixes: []string{".rb"}},
	{programs: []string{"node", "nodejs"}, modules: []string{"nodejs", "node_modules"}, suffixes: []string{".js", ".mjs", ".cjs"}},
	{programs: []string{"php", "php-fpm", "php-cgi"}, modules: []string{"php"}, suffixes: []string{".php", ".phar"}},
	{programs: []string{"java", "jvm"}, modules: []string{"java", "jvm", "maven-repo"}, suffixes: []string{".jar", ".war", ".class"}},
	{programs: []string{"lua", "luajit", "tcl", "tclsh", "wish", "guile"}, modules: []string{"lua", "tcltk", "guile"}, suffixes: []string{".lua", ".tcl", ".scm"}},
	{programs: []string{"sh", "bash", "dash", "zsh", "ksh", "busybox"}, suffixes: []string{".sh", ".bash"}},
}

// unversioned returns a name up to its version: "python3.11" is "python".
func unversioned(name string) string { return strings.TrimRight(name, "0123456789.-") }

// languageOf returns what a program interprets, nil if nothing.
func languageOf(program string) *language {
	name := unversioned(path.Base(program))
	for _, l := range languages {
		if slices.Contains(l.programs, name) {
			return l
		}
	}
	return nil
}

// embeddedIn returns the language that a library interprets for the program that maps it, nil if none: "libpython3.11.so.1.0" is "python".
func embeddedIn(library string) *language {
	name, ok := strings.CutPrefix(library[strings.LastIndexByte(library, '/')+1:], "lib")
	name, _, shared := strings.Cut(name, ".so")
	if !ok || !shared {
		return nil
	}
	return languageOf(name)
}

// loads reports whether programs of the language may have loaded the path.
func (l *language) loads(c *Changed) bool {
	if c.Database || c.isDirectory() {
		return false
	}
	if slices.Contains(l.suffixes, path.Ext(c.Path)) {
		return true
	}
	for dir := range strings.SplitSeq(path.Dir(c.Path), "/") {
		if slices.Contains(l.modules, unversioned(dir)) {
			return true
		}
	}
	return false
}

func (c *Changed) isDirectory() bool { return c.Now.Exists && c.Now.Type == unix.S_IFDIR }

// newerThan compares when two paths changed. When something was removed is not known: it may have been just now.
func (c *Changed) newerThan(o *Changed) bool {
	return o == nil || (o.Now.Exists && (!c.Now.Exists || c.Now.Ctime.After(o.Now.Ctime)))
}

// clockSlack is for the clock of files, which stands still for up to 10 ms and can be set, against that of processes.
const clockSlack = 2 * time.Second

// after reports whether the path changed after a moment, or may have.
func (c *Changed) after(moment time.Time) bool {
	return !c.Now.Exists || c.Now.Ctime.Add(clockSlack).After(moment)
}
