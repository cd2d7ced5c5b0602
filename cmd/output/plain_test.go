package output_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/output"
)

func plain(t testing.TB, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := output.NewPlainWriter(&b)
	for _, piece := range pieces {
		if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	return b.String()
}

func TestPlainWriter(t *testing.T) {
	for _, test := range []struct{ summary, in, want string }{
		{"text", "a\tb\nc\n", "a\tb\nc\n"},
		{"what systemd writes", "[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mx\x1b[0m.\r\r\n", "[  OK  ] Started x.\n"},
		{"a title", "\x1b]0;title\x07a\x1b]0;title\x1b\\\\b", "a\\b"},
		{"short ones", "\x1b(Ba\x1b7b\x1bcd", "abd"},
		{"a sequence in another", "\x1b[3\x1b[4mx", "x"},
		{"one that never ends", "\x1b]" + strings.Repeat("x", 5000), strings.Repeat("x", 5001-4096)},
		{"bytes", "\xff\x00\x01", "\xff\x00\x01"},
	} {
		if got := plain(t, test.in); got != test.want {
			t.Errorf("%s: %.100q, want %.100q", test.summary, got, test.want)
		}
		if got := plain(t, strings.Split(test.in, "")...); got != test.want {
			t.Errorf("%s, byte by byte: %.100q, want %.100q", test.summary, got, test.want)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestPlainWriterFails(t *testing.T) {
	w := output.NewPlainWriter(broken{})
	if n, err := w.Write([]byte("ab")); n != 2 || err == nil {
		t.Errorf("Write = %d, %v", n, err)
	}
}

// FuzzPlainWriter: whatever comes, in whatever pieces, no escape and no carriage return is passed on, and the pieces make no difference.
func FuzzPlainWriter(f *testing.F) {
	f.Add([]byte("a\x1b[0;32mb\r\n"), 3)
	f.Add([]byte("\x1b]0;t\x1b\\x"), 5)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		whole := plain(t, string(in))
		if strings.ContainsAny(whole, "\x1b\r") {
			t.Errorf("%q becomes %q", in, whole)
		}
		cut = min(max(cut, 0), len(in))
		if got := plain(t, string(in[:cut]), string(in[cut:])); got != whole {
			t.Errorf("%q in two pieces becomes %q, and in one %q", in, got, whole)
		}
	})
}
