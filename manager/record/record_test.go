package record_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestNew(t *testing.T) {
	spec := systemSpec(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 999, time.FixedZone("x", 3600))
	a, b := record.New("web1", spec, rangeAt(1), now), record.New("web1", spec, rangeAt(1), now)
	if err := a.Check(); err != nil {
		t.Fatal(err)
	}
	if a.ID == b.ID || a.MachineID == b.MachineID || a.ID == a.MachineID {
		t.Errorf("ids repeat: %+v %+v", a, b)
	}
	if want := time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC); a.Created != want {
		t.Errorf("Created = %v, want %v", a.Created, want)
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		summary string
		change  func(r *record.Record)
		wantErr error // nil: it is valid
	}{
		{"as made", func(*record.Record) {}, nil},
		{"shared", func(r *record.Record) { r.Spec.Isolation = profiles.Shared; r.Range = rangeAt(0) }, nil},
		{"privileged", func(r *record.Record) { r.Spec.Isolation = profiles.Privileged; r.Range = idrange.Range{} }, nil},
		{"a later format", func(r *record.Record) { r.Format++ }, record.ErrFormat},
		{"no name", func(r *record.Record) { r.Name = "" }, name.ErrName},
		{"a path as name", func(r *record.Record) { r.Name = "../x" }, name.ErrName},
		{"no id", func(r *record.Record) { r.ID = "" }, record.ErrDamaged},
		{"id of zeros", func(r *record.Record) { r.ID = strings.Repeat("0", 32) }, record.ErrDamaged},
		{"upper case id", func(r *record.Record) { r.ID = strings.Repeat("A", 32) }, record.ErrDamaged},
		{"long machine id", func(r *record.Record) { r.MachineID += "0" }, record.ErrDamaged},
		{"machine id with a newline", func(r *record.Record) { r.MachineID = r.MachineID[:31] + "\n" }, record.ErrDamaged},
		{"no time", func(r *record.Record) { r.Created = time.Time{} }, record.ErrDamaged},
		{"local time", func(r *record.Record) { r.Created = r.Created.In(time.FixedZone("x", 60)) }, record.ErrDamaged},
		{"parts of a second", func(r *record.Record) { r.Created = r.Created.Add(1) }, record.ErrDamaged},
		{"private without ids", func(r *record.Record) { r.Range = idrange.Range{} }, record.ErrDamaged},
		{"private with the host's ids", func(r *record.Record) { r.Range = idrange.Range{Start: 0, Size: idrange.Size} }, record.ErrDamaged},
		{"private with a human's id", func(r *record.Record) { r.Range = idrange.Range{Start: 1000, Size: idrange.Size} }, record.ErrDamaged},
		{"private with all ids", func(r *record.Record) { r.Range = idrange.Range{Start: 65536, Size: 1 << 31} }, record.ErrDamaged},
		{"privileged with ids", func(r *record.Record) { r.Spec.Isolation = profiles.Privileged }, record.ErrDamaged},
		{"no isolation", func(r *record.Record) { r.Spec.Isolation = "" }, record.ErrDamaged},
		{"bad spec", func(r *record.Record) { r.Spec.Priority = 1000 }, record.ErrDamaged},
	} {
		t.Run(test.summary, func(t *testing.T) {
			r := newRecord(t, "web1", 1)
			test.change(&r)
			if err := r.Check(); !errors.Is(err, test.wantErr) {
				t.Fatalf("Check = %v, want %v", err, test.wantErr)
			}
			content, err := r.Encode()
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("encode: error %v, want %v", err, test.wantErr)
			}
			if err != nil {
				return
			}
			got, err := record.Decode(content, "web1")
			if diff := cmp.Diff(r, got); err != nil || diff != "" {
				t.Errorf("read back: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestDecode changes the text of a good record.
func TestDecode(t *testing.T) {
	r := newRecord(t, "web1", 1)
	content, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	good := string(content)
	for _, test := range []struct {
		summary string
		text    string
		wantErr error
	}{
		{"as written", good, nil},
		{"empty", "", record.ErrDamaged},
		{"zeros", strings.Repeat("\x00", 100), record.ErrDamaged},
		{"cut short", good[:len(good)/2], record.ErrDamaged},
		{"twice", good + good, record.ErrDamaged},
		{"an array", "[]", record.ErrDamaged},
		{"null", "null", record.ErrDamaged},
		{"an unknown key", strings.Replace(good, `"name"`, `"nome": 1, "name"`, 1), record.ErrDamaged},
		{"an unknown key in the spec", strings.Replace(good, `"isolation"`, `"isolated": 1, "isolation"`, 1), record.ErrDamaged},
		{"another name", strings.Replace(good, `"web1"`, `"web2"`, 1), record.ErrDamaged},
		{"no format", strings.Replace(good, `"format"`, `"forma"`, 1), record.ErrDamaged},
		{"a negative format", strings.Replace(good, `"format": 1`, `"format": -1`, 1), record.ErrDamaged},
		{"a format of text", strings.Replace(good, `"format": 1`, `"format": "1"`, 1), record.ErrDamaged},
		{"a later format, with keys that nobody knows", `{"format": 2, "shape": []}`, record.ErrFormat},
		{"a range that overflows", strings.Replace(good, "65536", "4294967297", 1), record.ErrDamaged},
		{"deep nesting", strings.Repeat("[", 100000), record.ErrDamaged},
	} {
		t.Run(test.summary, func(t *testing.T) {
			if _, err := record.Decode([]byte(test.text), "web1"); !errors.Is(err, test.wantErr) {
				t.Errorf("error %v, want %v", err, test.wantErr)
			}
		})
	}
}

// TestTooLarge holds that a spec which is fine in itself is not written where it could not be read again.
func TestTooLarge(t *testing.T) {
	r := newRecord(t, "web1", 1)
	r.Spec.Environment = map[string]string{}
	for i := range 250 {
		r.Spec.Environment[fmt.Sprint("KEY", i)] = strings.Repeat("<", 4000)
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Encode(); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), "make the spec smaller") {
		t.Errorf("error %v, want one that says the record is too large", err)
	}
}

// FuzzDecode holds that what is accepted is usable, and is the same when written and read again.
func FuzzDecode(f *testing.F) {
	content, err := record.New("web1", systemSpec(f), rangeAt(1), time.Unix(1700000000, 0)).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte(`{"format": 2}`))
	f.Add([]byte(strings.Replace(string(content), "private", "privileged", 1)))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := record.Decode(content, "web1")
		if err != nil {
			return
		}
		if r.Name != "web1" || r.Check() != nil {
			t.Fatalf("accepted: %+v", r)
		}
		private := r.Spec.Isolation != profiles.Privileged
		if private && r.Range.Check() != nil || !private && !r.Range.IsZero() {
			t.Fatalf("isolation %s with range %v", r.Spec.Isolation, r.Range)
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		second, err := record.Decode(again, "web1")
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(r)
		b, _ := json.Marshal(second)
		if string(a) != string(b) {
			t.Fatalf("read back differently:\n%s\n%s", a, b)
		}
	})
}
