package cmd_test

import (
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd"
)

func TestParseSince(t *testing.T) {
	zone := time.FixedZone("here", 2*3600)
	now := time.Date(2026, 11, 20, 13, 14, 15, 999, zone)
	for _, test := range []struct{ in, want string }{
		{"90s", "2026-11-20 13:12:45"},
		{"1h30m", "2026-11-20 11:44:15"},
		{"0s", "2026-11-20 13:14:15"},
		{"7d", "2026-11-13 13:14:15"},
		{"12:00", "2026-11-20 12:00:00"},
		{"12:00:01", "2026-11-20 12:00:01"},
		{"2026-11-19", "2026-11-19 00:00:00"},
		{"2026-11-19 08:30", "2026-11-19 08:30:00"},
		{"2026-11-19 08:30:10", "2026-11-19 08:30:10"},
		{"2026-11-19T08:30:10Z", "2026-11-19 10:30:10"},
		{"", ""}, {"yesterday", ""}, {"-5m", ""}, {"5", ""}, {"-1d", ""}, {"99999d", ""}, {"25:00", ""}, {"2026-13-01", ""}, {"1d1h", ""},
	} {
		got, err := cmd.ParseSince(test.in, now)
		if text := got.In(zone).Format(time.DateTime); err == nil && text != test.want || err != nil && test.want != "" {
			t.Errorf("%q: %s, %v; want %q", test.in, text, err, test.want)
		}
	}
}

// FuzzParseSince: what is taken is a time that journalctl can be given as seconds.
func FuzzParseSince(f *testing.F) {
	f.Add("15m")
	f.Add("2026-01-02 15:04")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2026, 11, 20, 13, 14, 15, 0, time.UTC)
		if got, err := cmd.ParseSince(text, now); err == nil && (got.Year() < 1 || got.Year() > 9999) {
			t.Errorf("%q is in the year %d", text, got.Year())
		}
	})
}
