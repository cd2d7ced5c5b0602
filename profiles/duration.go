package profiles

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time that is written as a whole number with one unit: "500ms", "30s", "5m", "2h", "7d". It is the same text in
// profiles, in JSON and in messages. A day has 24 hours.
type Duration time.Duration

// units are ordered from the longest to the shortest, the order in which String tries them.
func durationUnits() []durationUnit {
	return []durationUnit{
		{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
	}
}

type durationUnit struct {
	suffix string
	length time.Duration
}

// ParseDuration reads the text form of a Duration. It refuses fractions, signs, sums such as "1m30s", and what does not fit.
func ParseDuration(s string) (Duration, error) {
	digits := strings.TrimRight(s, "dhms")
	for _, u := range durationUnits() {
		if digits == "" || len(digits) > 18 || s[len(digits):] != u.suffix {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/u.length) {
			break
		}
		return Duration(time.Duration(n) * u.length), nil
	}
	return 0, fmt.Errorf("%s is not a duration: write a whole number and one of ms, s, m, h, d, such as 30s", quote(s))
}

// String gives the text form with the longest unit that leaves a whole number, so that ParseDuration reads the same value back.
func (d Duration) String() string {
	if d == 0 {
		return "0s"
	}
	for _, u := range durationUnits() {
		if time.Duration(d)%u.length == 0 {
			return strconv.FormatInt(int64(time.Duration(d)/u.length), 10) + u.suffix
		}
	}
	return time.Duration(d).String()
}

// MarshalText implements encoding.TextMarshaler, for JSON.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(d.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler, for JSON.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

func days(n int) Duration { return Duration(time.Duration(n) * 24 * time.Hour) }

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }
