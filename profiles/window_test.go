package profiles_test

import (
	"testing"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	moment, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return moment
}

// 2026-11-20 is a Friday.
func TestWindow(t *testing.T) {
	tests := []struct {
		window, now string
		open        bool
		until       string
	}{
		{"08:00-10:00 UTC", "2026-11-20T07:59:59Z", false, "2026-11-20T08:00:00Z"},
		{"08:00-10:00 UTC", "2026-11-20T08:00:00Z", true, "2026-11-20T10:00:00Z"},
		{"08:00-10:00 UTC", "2026-11-20T09:59:59Z", true, "2026-11-20T10:00:00Z"},
		{"08:00-10:00 UTC", "2026-11-20T10:00:00Z", false, "2026-11-21T08:00:00Z"},
		{"00:00-24:00 UTC", "2026-11-20T12:00:00Z", true, "2026-11-21T00:00:00Z"},
		{"Mon..Fri 22:00-05:00 UTC", "2026-11-20T23:00:00Z", true, "2026-11-21T05:00:00Z"},
		{"Mon..Fri 22:00-05:00 UTC", "2026-11-21T04:59:00Z", true, "2026-11-21T05:00:00Z"},
		{"Mon..Fri 22:00-05:00 UTC", "2026-11-21T05:00:00Z", false, "2026-11-23T22:00:00Z"},
		{"Mon..Fri 22:00-05:00 UTC", "2026-11-21T23:00:00Z", false, "2026-11-23T22:00:00Z"},
		{"Sat,Sun 22:00-05:00 UTC", "2026-11-23T04:00:00Z", true, "2026-11-23T05:00:00Z"},
		{"Fri..Mon 01:00-02:00 UTC", "2026-11-24T01:30:00Z", false, "2026-11-27T01:00:00Z"},
		{"Fri..Mon 01:00-02:00 UTC", "2026-11-23T01:30:00Z", true, "2026-11-23T02:00:00Z"},
		{"Fri 02:00-03:00 Europe/Berlin", "2026-11-20T01:30:00Z", true, "2026-11-20T02:00:00Z"},
		{"Fri 22:00-23:00 America/New_York", "2026-11-21T03:30:00Z", true, "2026-11-21T04:00:00Z"},
		// On 2026-03-29 the clocks in Berlin go from 2 to 3, on 2026-10-25 from 3 to 2.
		{"01:00-04:00 Europe/Berlin", "2026-03-29T00:30:00Z", true, "2026-03-29T02:00:00Z"},
		{"01:00-04:00 Europe/Berlin", "2026-10-25T01:30:00Z", true, "2026-10-25T03:00:00Z"},
		{"Sun 02:00-03:00 Europe/Berlin", "2026-03-28T12:00:00Z", false, "2026-04-05T00:00:00Z"}, // there is no such hour on the 29th
	}
	for _, test := range tests {
		w, err := profiles.ParseWindow(test.window)
		if err != nil {
			t.Error(err)
			continue
		}
		open, until := w.At(at(t, test.now))
		if open != test.open || !until.Equal(at(t, test.until)) {
			t.Errorf("%s at %s: open %v until %s, want %v until %s", test.window, test.now, open, until.UTC().Format(time.RFC3339), test.open, test.until)
		}
	}
}

func TestWindows(t *testing.T) {
	list, err := profiles.ParseWindows([]string{"Sat 01:00-02:00 UTC", "Fri 12:00-13:00 UTC"})
	if err != nil {
		t.Fatal(err)
	}
	for now, want := range map[string]string{"2026-11-20T11:00:00Z": "2026-11-20T12:00:00Z", "2026-11-20T14:00:00Z": "2026-11-21T01:00:00Z"} {
		if open, until := list.At(at(t, now)); open || !until.Equal(at(t, want)) {
			t.Errorf("at %s: open %v until %v", now, open, until)
		}
	}
	if open, until := list.At(at(t, "2026-11-20T12:30:00Z")); !open || !until.Equal(at(t, "2026-11-20T13:00:00Z")) {
		t.Errorf("open %v until %v", open, until)
	}
	if open, until := (profiles.Windows)(nil).At(time.Now()); !open || !until.IsZero() {
		t.Errorf("no windows at all: open %v until %v", open, until)
	}
	if _, err := profiles.ParseWindows([]string{"01:00-02:00", "x"}); err == nil {
		t.Error("a bad one is taken")
	}
}

func TestParseWindowRefuses(t *testing.T) {
	for _, s := range []string{
		"", " ", "Mon", "08:00", "08:00-", "-08:00", "08:00-08:00", "24:00-08:00", "24:00-24:00", "08:00-24:01", "8:00-10:00", "08:60-10:00", "25:00-26:00",
		"mon 08:00-10:00", "Monday 08:00-10:00", "Mon.. 08:00-10:00", "Mon...Fri 08:00-10:00", "Mon, 08:00-10:00", "Mon Fri 08:00-10:00",
		"08:00-10:00 Nowhere/City", "08:00-10:00 Local", "08:00-10:00 ../../etc/passwd", "08:00-10:00 /etc/localtime", "08:00-10:00 UTC x", "08:00-10:00  UTC",
		"08:00-10:00 ", "+8:00-10:00", "08:00-10:0a", "08:00-10:00-12:00", "0８:00-10:00",
	} {
		if _, err := profiles.ParseWindow(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

// FuzzWindow: what is taken opens and closes; it is always told when, and what is told comes true.
func FuzzWindow(f *testing.F) {
	for _, s := range []string{"08:00-10:00 UTC", "Mon..Fri 22:00-05:00 Europe/Berlin", "Sun 02:00-03:00 America/Sao_Paulo", "Sat,Tue 00:00-24:00", "x"} {
		f.Add(s, int64(1774700000))
	}
	f.Fuzz(func(t *testing.T, s string, seconds int64) {
		w, err := profiles.ParseWindow(s)
		if err != nil {
			return
		}
		now := time.Unix(seconds%(1<<33), 0)
		open, until := w.At(now)
		if !until.After(now) || until.Sub(now) > 16*24*time.Hour {
			t.Fatalf("%q at %v: until %v", s, now, until)
		}
		if before, again := w.At(until.Add(-time.Second)); before != open || !again.Equal(until) {
			t.Fatalf("%q at %v: open %v until %v, but just before that open %v until %v", s, now, open, until, before, again)
		}
		if opened, _ := w.At(until); !open && !opened {
			t.Fatalf("%q at %v: does not open at %v", s, now, until)
		}
	})
}
