package cmd

import "time"

// ParseSince is the reader of --since.
func ParseSince(text string, now time.Time) (time.Time, error) { return parseSince(text, now) }
