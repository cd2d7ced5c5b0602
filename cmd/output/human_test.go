package output_test

import (
	"math"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/output"
)

func TestSize(t *testing.T) {
	tests := map[int64]string{
		0: "0", 1: "1B", 1023: "1023B", 1024: "1.0K", 1536: "1.5K", 512 << 20: "512.0M", 3 << 30: "3.0G", 1 << 40: "1.0T",
		1<<20 - 1: "1.0M", 1<<30 - 1: "1.0G", 1048524: "1023.9K", -2048: "-2.0K", -5: "-5B",
		math.MaxInt64: "8.0E", math.MinInt64: "-8.0E",
	}
	for bytes, want := range tests {
		if got := output.Size(bytes); got != want {
			t.Errorf("Size(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 999 * time.Millisecond: "0s", 42 * time.Second: "42s", 60*time.Second - 1: "59s", time.Minute: "1m",
		59*time.Minute + 59*time.Second: "59m", 5*time.Hour + 59*time.Minute: "5h", 24 * time.Hour: "1d", 400 * 24 * time.Hour: "400d",
	}
	for d, want := range tests {
		if got := output.Age(d); got != want {
			t.Errorf("Age(%v) = %q, want %q", d, got, want)
		}
	}
	now := time.Unix(1_700_000_000, 0)
	if got := output.AgeSince(now, now.Add(-3*time.Minute)); got != "3m" {
		t.Errorf("AgeSince = %q", got)
	}
	if got := output.AgeSince(now, time.Time{}); got != "-" {
		t.Errorf("AgeSince of no time = %q", got)
	}
}

func TestDuration(t *testing.T) {
	tests := map[time.Duration]string{
		-1: "0ms", 0: "0ms", 83 * time.Millisecond: "83ms", time.Second - 1: "999ms", 1240 * time.Millisecond: "1.2s",
		59949 * time.Millisecond: "59.9s", 59999 * time.Millisecond: "1m00s", 65 * time.Second: "1m05s",
		time.Hour - 1: "1h00m", time.Hour + 3*time.Minute: "1h03m", 26*time.Hour + 29*time.Second: "26h00m",
	}
	for d, want := range tests {
		if got := output.Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}
