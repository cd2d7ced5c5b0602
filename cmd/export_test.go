package cmd

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
)

// Ranges is what completion offers beside names.
func Ranges(words []string) []string { return ranges(words) }

// CommandPage is the page of the manual of one command.
func CommandPage(c *cobra.Command, day string) string { return commandPage(c, day) }

// Plain is text as a page of the manual holds it.
func Plain(text string) string { return plain(text) }

// Diffs are the changes that a result lists.
func Diffs(outcomes []manager.Outcome) []output.Diff { return diffs(outcomes) }

// ParseUntil reads the time of a hold.
func ParseUntil(s string, now time.Time) (time.Time, error) { return parseUntil(s, now) }
