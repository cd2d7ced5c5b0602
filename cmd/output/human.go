package output

import (
	"fmt"
	"time"
)

// Size returns a number of bytes for people, in powers of 1024: "0", "17B", "1.0K", "512.0M". A negative one keeps its sign.
func Size(bytes int64) string {
	if bytes == 0 {
		return "0"
	}
	value, sign := float64(bytes), ""
	if bytes < 0 {
		value, sign = -value, "-"
	}
	if value < 1024 {
		return fmt.Sprintf("%s%.0fB", sign, value)
	}
	units := "KMGTPE"
	i := -1
	// 1023.95 and more would be written as 1024.0 of its unit.
	for ; value >= 1023.95 && i+1 < len(units); i++ {
		value /= 1024
	}
	return fmt.Sprintf("%s%.1f%c", sign, value, units[max(i, 0)])
}

// Age returns how long ago something was in one number and one unit, cut off and not rounded: "42s", "3m", "5h", "2d". What lies in the
// future, because a clock was set, is "0s".
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh", d/time.Hour)
	default:
		return fmt.Sprintf("%dd", d/day)
	}
}

// AgeSince is Age for a point in time, "-" for the zero one.
func AgeSince(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return Age(now.Sub(then))
}

// Duration returns how long something took: "0ms", "83ms", "1.2s", "1m05s", "2h03m".
func Duration(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	case d < 59950*time.Millisecond: // more would be written as 60.0s
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		if d < time.Hour {
			return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
		}
	}
	d = d.Round(time.Minute)
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}
