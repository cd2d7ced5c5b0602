package cmd

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// manVerb is the hidden verb that writes the manual below a directory, as man(1) wants it: DIR/man8/sysctr-create.8 and so on.
const manVerb = "_man"

// written are the pages that are about no single command.
//
//go:embed man
var written embed.FS

// page is one page of the manual, its path below the manual's directory.
type page struct{ path, text string }

func (a *app) man(args []string) error {
	if len(args) != 1 {
		return usage(errors.New("a directory for the manual is needed"))
	}
	pages, err := manual(a.root(), builtAt())
	if err != nil {
		return err
	}
	for _, p := range pages {
		path := filepath.Join(args[0], p.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		err := os.WriteFile(path, []byte(p.text), 0o644)
		if err := errors.Join(err, os.Chmod(path, 0o644)); err != nil { // whatever the umask
			return err
		}
	}
	return nil
}

// builtAt is the day that the pages bear: the same build gives the same pages. See reproducible-builds.org for SOURCE_DATE_EPOCH.
func builtAt() string {
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if day, _, cut := strings.Cut(s.Value, "T"); s.Key == "vcs.time" && cut {
				return day
			}
		}
	}
	return time.Now().UTC().Format(time.DateOnly)
}

// manual is a page for each command of a tree, and those that are written by hand.
func manual(root *cobra.Command, day string) ([]page, error) {
	entries, err := written.ReadDir("man")
	if err != nil {
		return nil, fmt.Errorf("read the embedded manual: %w", err)
	}
	var pages []page
	for _, e := range entries {
		text, err := written.ReadFile("man/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read the embedded manual: %w", err)
		}
		section := strings.TrimPrefix(filepath.Ext(e.Name()), ".")
		pages = append(pages, page{"man" + section + "/" + e.Name(), strings.ReplaceAll(string(text), "@DAY@", day)})
	}
	return append(pages, commandPages(root, day)...), nil
}

// commandPages has a page for a command and for each below it, those left out that its help leaves out too.
func commandPages(c *cobra.Command, day string) []page {
	pages := []page{{"man8/" + pageName(c) + ".8", commandPage(c, day)}}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			pages = append(pages, commandPages(below, day)...)
		}
	}
	return pages
}

// pageName is "sysctr-host-init" of "sysctr host init".
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }
