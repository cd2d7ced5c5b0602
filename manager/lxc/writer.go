package lxc

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// writer collects lines and what is wrong with them.
type writer struct {
	text []byte
	errs []error
}

func (w *writer) refuse(key, value, why string) {
	w.errs = append(w.errs, fmt.Errorf("%s: %.80q %s", key, value, why))
}

// set writes one line. liblxc drops blanks around a value and then one pair of quotes around the rest, and takes an empty value for the
// wish to forget all earlier ones.
func (w *writer) set(key, value string) {
	switch {
	case value == "":
		w.refuse(key, value, "is empty")
		return
	case !utf8.ValidString(value):
		w.refuse(key, value, "is not UTF-8")
		return
	case strings.ContainsFunc(value, control):
		w.refuse(key, value, "has a control character")
		return
	}
	if strings.ContainsAny(value[:1]+value[len(value)-1:], ` '"`) {
		value = `"` + value + `"`
	}
	w.text = append(w.text, key+" = "+value+"\n"...)
}

func control(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// path refuses what liblxc would read as another path, or relative to wherever it is.
func (w *writer) path(key, path string) string {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		w.refuse(key, path, "is not an absolute and clean path")
	}
	return path
}

// mount writes one bind mount, see fstab(5).
func (w *writer) mount(source, target, options string) {
	const (
		key  = "lxc.mount.entry"
		most = 4095 // bytes, what liblxc's buffer for one line holds
	)
	if target = w.path(key, target); target == "/" {
		w.refuse(key, target, "is the container's root itself")
	}
	line := fstab(w.path(key, source)) + " " + fstab(strings.TrimPrefix(target, "/")) + " none " + options + " 0 0"
	if len(line) > most {
		w.refuse(key, line, fmt.Sprintf("is longer than %d bytes", most))
	}
	w.set(key, line)
}

// fstab escapes what separates the fields of an fstab(5) line. Not '#': getmntent(3), with which liblxc reads the line, knows no escape for
// it, and takes it for a comment only at the beginning.
func fstab(path string) string { return strings.NewReplacer(`\`, `\134`, " ", `\040`).Replace(path) }

// group writes the name of a control group, which liblxc takes relative to where it puts all of them.
func (w *writer) group(key, group string) {
	if !filepath.IsLocal(group) || filepath.Clean(group) != group || group == "." {
		w.refuse(key, group, "is not a clean path below the control groups")
	}
	w.set(key, group)
}
