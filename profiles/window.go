package profiles

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // what a window means must not depend on whether the host has the zones installed
)

// Window is a time of the week, such as "Mon..Fri 22:00-05:00 Europe/Berlin". One that ends before it begins ends on the next day; the days
// are those on which it begins.
type Window struct {
	days     [7]bool // by time.Weekday
	from, to int     // minutes since midnight; to is above 24 hours where the window goes over midnight
	zone     *time.Location
}

const day = 24 * 60 // minutes

// ParseWindow reads [DAYS] HH:MM-HH:MM [ZONE]. DAYS are Mon to Sun with commas and ranges (Mon..Fri, also over Sunday), every day if left out;
// 24:00 is an end; ZONE is a name of the IANA's database, or that of the host if left out.
func ParseWindow(s string) (Window, error) {
	w := Window{zone: time.Local, days: [7]bool{true, true, true, true, true, true, true}}
	fields := strings.Split(s, " ")
	if len(fields) > 1 && !strings.Contains(fields[0], ":") {
		days, ok := parseDays(fields[0])
		if !ok {
			return Window{}, badWindow(s, quote(fields[0])+" are no days")
		}
		w.days, fields = days, fields[1:]
	}
	var ok bool
	if w.from, w.to, ok = parseSpan(fields[0]); !ok {
		return Window{}, badWindow(s, quote(fields[0])+" is no span of time")
	}
	switch {
	case len(fields) == 1:
	case len(fields) > 2 || fields[1] == "" || fields[1] == "Local" || len(fields[1]) > 64:
		return Window{}, badWindow(s, "a zone's name ends it")
	default:
		zone, err := time.LoadLocation(fields[1])
		if err != nil {
			return Window{}, badWindow(s, quote(fields[1])+" is no time zone")
		}
		w.zone = zone
	}
	return w, nil
}

func badWindow(s, reason string) error {
	return fmt.Errorf("%s is not a window: %s; write one such as \"Mon..Fri 22:00-05:00 Europe/Berlin\"", quote(s), reason)
}

func parseDays(s string) (days [7]bool, ok bool) {
	names := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}
	for _, part := range strings.Split(s, ",") {
		first, last, ranged := strings.Cut(part, "..")
		if !ranged {
			last = first
		}
		from, to := slices.Index(names, first), slices.Index(names, last)
		if from < 0 || to < 0 {
			return days, false
		}
		for d := from; ; d = (d + 1) % 7 {
			days[d] = true
			if d == to {
				break
			}
		}
	}
	return days, true
}

// parseSpan reads HH:MM-HH:MM.
func parseSpan(s string) (from, to int, ok bool) {
	first, last, cut := strings.Cut(s, "-")
	from, okFrom := parseClock(first)
	to, okTo := parseClock(last)
	if to < from {
		to += day
	}
	return from, to, cut && okFrom && okTo && from != to && from != day
}

func parseClock(s string) (minutes int, ok bool) {
	digit := func(i int) int { return int(s[i]) - '0' }
	if len(s) != 5 || s[2] != ':' || strings.Trim(s[:2]+s[3:], "0123456789") != "" {
		return 0, false
	}
	hour, minute := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
	minutes = 60*hour + minute
	return minutes, minute < 60 && minutes <= day
}

// on returns when the window that begins on the day of t, in its zone, begins and ends. Where clocks are changed in between, it is what the
// clock on the wall shows that counts; so it can be empty.
func (w Window) on(t time.Time) (begins, ends time.Time, opens bool) {
	year, month, d := t.Date()
	at := func(minutes int) time.Time { return time.Date(year, month, d, 0, minutes, 0, 0, w.zone) }
	begins, ends = at(w.from), at(w.to)
	return begins, ends, w.days[t.Weekday()] && begins.Before(ends)
}

// At reports whether the window is open at a moment, and when that changes: when it closes, or opens next.
func (w Window) At(now time.Time) (open bool, until time.Time) {
	local := now.In(w.zone)
	year, month, d := local.Date()
	for i := -1; i <= 15; i++ { // a whole week may be lost to a change of the clocks
		begins, ends, opens := w.on(time.Date(year, month, d+i, 12, 0, 0, 0, w.zone)) // noon: there is one on every day
		switch {
		case !opens || !now.Before(ends):
		case now.Before(begins):
			return false, begins
		default:
			return true, ends
		}
	}
	return false, now.Add(24 * time.Hour) // not reached with any zone there is; whoever waits asks again
}

// Windows are several windows; it is open while one of them is. None at all are always open.
type Windows []Window

// ParseWindows reads each text with ParseWindow.
func ParseWindows(texts []string) (Windows, error) {
	var list Windows
	for _, s := range texts {
		w, err := ParseWindow(s)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, nil
}

// At reports whether one of the windows is open at a moment, and when to ask again: when that one closes, or the first opens. Without windows
// the time is zero.
func (list Windows) At(now time.Time) (open bool, until time.Time) {
	if len(list) == 0 {
		return true, time.Time{}
	}
	for _, w := range list {
		isOpen, changes := w.At(now)
		if isOpen {
			return true, changes
		}
		if until.IsZero() || changes.Before(until) {
			until = changes
		}
	}
	return false, until
}
