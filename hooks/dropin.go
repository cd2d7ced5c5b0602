package hooks

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

//go:embed dropins
var texts embed.FS

// ErrScript means that a drop-in cannot name the script: its path is none that every package manager takes literally.
var ErrScript = errors.New("not a clean absolute path of letters, digits and ._+-")

// DropIn is a file that makes a package manager, or cron by the hour, run the script, or that keeps another program from doing sysctr's work.
type DropIn struct {
	Name string      // of the program that reads it: "apt"
	Path string      // absolute, below the host's root
	Mode fs.FileMode // of the file
	Text string      // with its owner line
	// Needs is the directory that shows that the host has the program. Where it is not the drop-in's own, that one is made.
	Needs string
}

// DropIns returns the drop-ins for a script at this absolute path, whether the host has the programs or not. The error wraps ErrScript.
func DropIns(script string) ([]DropIn, error) {
	all := []DropIn{
		{Name: "apt", Path: "/etc/apt/apt.conf.d/00sysctr", Mode: 0o644}, // first: one that fails keeps all later ones from running
		{Name: "dpkg", Path: "/etc/dpkg/dpkg.cfg.d/sysctr", Mode: 0o644},
		{Name: "dnf4", Path: "/etc/dnf/plugins/post-transaction-actions.d/sysctr.action", Mode: 0o644},
		{Name: "dnf5", Path: "/etc/dnf/libdnf5-plugins/actions.d/sysctr.actions", Mode: 0o644},
		{Name: "zypper", Path: "/usr/lib/zypp/plugins/commit/sysctr", Mode: 0o755},
		{Name: "pacman", Path: "/etc/pacman.d/hooks/zz-sysctr.hook", Mode: 0o644, Needs: "/etc/pacman.d"},
		{Name: "apk", Path: "/etc/apk/commit_hooks.d/sysctr", Mode: 0o755, Needs: "/etc/apk"},
		{Name: "cron", Path: "/etc/cron.d/sysctr", Mode: 0o644},
		{Name: "needrestart", Path: "/etc/needrestart/conf.d/sysctr.conf", Mode: 0o644},
	}
	for i := range all {
		if all[i].Needs == "" {
			all[i].Needs = path.Dir(all[i].Path)
		}
		text, err := render(all[i].Name, script)
		if err != nil {
			return nil, err
		}
		all[i].Text = text
	}
	return all, nil
}

// Scriptlets returns the lines that a package of sysctr for rpm wants in its spec: rpm has no drop-ins. The error wraps ErrScript.
func Scriptlets(script string) (string, error) { return render("rpm", script) }

// render returns an embedded text, complete.
func render(name, script string) (string, error) {
	if !regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`).MatchString(script) || path.Clean(script) != script {
		return "", fmt.Errorf("script %q: %w", script, ErrScript)
	}
	text, err := texts.ReadFile("dropins/" + name)
	if err != nil {
		return "", fmt.Errorf("read the embedded drop-in: %w", err)
	}
	return signed(strings.ReplaceAll(string(text), "@HOOK@", script)), nil
}

const (
	ownerPlace = "@OWNER@"
	ownerStart = "Written by sysctr; edited, it is left alone. The rest is sha256:"
)

// signed puts the owner line where the text has room for it.
func signed(text string) string {
	before, rest, _ := strings.Cut(text, ownerPlace)
	start := strings.LastIndex(before, "\n") + 1
	_, after, _ := strings.Cut(rest, "\n")
	return strings.Replace(text, ownerPlace, ownerStart+digest(text[:start], after), 1)
}

// owned says whether a text has an owner line, and whether the rest is as it was written.
func owned(text string) (ours, intact bool) {
	before := ""
	for range 2 {
		line, after, _ := strings.Cut(text[len(before):], "\n")
		if _, sum, found := strings.Cut(line, ownerStart); found {
			return true, sum == digest(before, after)
		}
		before = text[:min(len(text), len(before)+len(line)+1)]
	}
	return false, false
}

// digest is over all lines but the owner line.
func digest(before, after string) string {
	sum := sha256.Sum256([]byte(before + "\x00" + after))
	return hex.EncodeToString(sum[:])
}
