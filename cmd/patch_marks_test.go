package cmd_test

import (
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd"
)

func TestParseUntil(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "3d": now.Add(72 * time.Hour), "90m": now.Add(90 * time.Minute), "2026-12-27T06:00:00+01:00": time.Date(2026, 12, 27, 5, 0, 0, 0, time.UTC),
	} {
		if got, err := cmd.ParseUntil(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"0s", "-1h", "tomorrow", "2026-11-20T12:00:00Z", "2026-11-20", "3"} {
		if got, err := cmd.ParseUntil(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}
