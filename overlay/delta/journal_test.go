package delta_test

import (
	"errors"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

func TestJournal(t *testing.T) {
	j := delta.Journal{Format: 1, Made: now(), Moves: []delta.Move{
		{Point: "/", Path: []byte("."), Inode: 1}, {Point: "/", Path: []byte("a/\n\xff"), Inode: 1 << 63}, {Point: "/var/lib", Path: []byte("x"), Inode: 3},
	}}
	text, err := j.Encode()
	do(t, err)
	back, err := delta.ParseJournal(text)
	if diff := cmp.Diff(j, back); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	j.Moves[0].Path = []byte(strings.Repeat("x", 8<<20))
	if _, err := j.Encode(); !errors.Is(err, beneath.ErrTooLarge) {
		t.Errorf("Encode of a huge journal = %v", err)
	}
}

func TestParseJournalRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":                      delta.ErrDamaged,
		"null":                  delta.ErrFormat,
		"[]":                    delta.ErrDamaged,
		`{"format":1}`:          nil,
		`{"format":1} {}`:       delta.ErrDamaged,
		`{"format":1,"more":1}`: delta.ErrDamaged,
		`{"format":0}`:          delta.ErrFormat,
		`{"format":2,"more":1}`: delta.ErrFormat,
		`{"format":1,"moves":[{"point":"","path":"Lg==","inode":1}]}`:        delta.ErrDamaged,
		`{"format":1,"moves":[{"point":"/a/../b","path":"Lg==","inode":1}]}`: delta.ErrDamaged,
		`{"format":1,"moves":[{"point":"/","path":"","inode":1}]}`:           delta.ErrDamaged,
		`{"format":1,"moves":[{"point":"/","path":"L2V0Yw==","inode":1}]}`:   delta.ErrDamaged, // /etc
		`{"format":1,"moves":[{"point":"/","path":"YS8uLi9i","inode":1}]}`:   delta.ErrDamaged, // a/../b
		`{"format":1,"moves":[{"point":"/","path":"YQBi","inode":1}]}`:       delta.ErrDamaged, // a NUL
		`{"format":1,"moves":[{"point":"/v/l","path":"YQ==","inode":1}]}`:    nil,
		strings.Repeat(" ", 8<<20) + `{"format":1}`:                          delta.ErrDamaged,
	} {
		if _, err := delta.ParseJournal([]byte(text)); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("ParseJournal(%.80q) = %v, want %v", strings.TrimSpace(text), err, want)
		}
	}
}

// FuzzParseJournal holds that what parses is the same after Encode, and that every path of it stays in a delta.
func FuzzParseJournal(f *testing.F) {
	f.Add([]byte(`{"format":1,"made":"2026-11-20T12:00:00Z","moves":[{"point":"/var/lib","path":"YQ==","inode":1}]}`))
	f.Add([]byte(`{"format":1,"moves":[{"point":"/","path":"Li4=","inode":1}]}`))
	f.Add([]byte(`{"format":1,"moves":[{"point":"/a//b","path":"Lg==","inode":1}]} x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		j, err := delta.ParseJournal(text)
		if err != nil {
			if !errors.Is(err, delta.ErrDamaged) && !errors.Is(err, delta.ErrFormat) {
				t.Errorf("ParseJournal(%q) = %v", text, err)
			}
			return
		}
		for _, m := range j.Moves {
			rel := string(m.Path)
			if !filepath.IsLocal(rel) || path.Clean(rel) != rel || !path.IsAbs(m.Point) || strings.Contains(rel+m.Point, "\x00") {
				t.Errorf("%+v of %q", m, text)
			}
		}
		again, err := j.Encode()
		if err != nil {
			return // it is smaller as the text was
		}
		back, err := delta.ParseJournal(again)
		if diff := cmp.Diff(j, back); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
