package lxc_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sysctr/sysctr/manager/lxc"
)

func TestUntilEscape(t *testing.T) {
	for _, test := range []struct{ summary, typed, want string }{
		{"the end", "ls\r", "ls\r"},
		{"the escape key", "ls\r\x1dmore", "ls\r"},
		{"at once", "\x1d", ""},
		{"other control keys", "\x03\x04\x1b[A\x1c", "\x03\x04\x1b[A\x1c"},
		{"nothing", "", ""},
	} {
		for name, from := range map[string]io.Reader{
			"at once": strings.NewReader(test.typed), "key by key": iotest.OneByteReader(strings.NewReader(test.typed)),
			"with its end": iotest.DataErrReader(strings.NewReader(test.typed)),
		} {
			var to bytes.Buffer
			if err := lxc.UntilEscape(&to, from); err != nil || to.String() != test.want {
				t.Errorf("%s, %s: %q, %v; want %q", test.summary, name, &to, err, test.want)
			}
		}
	}
	if err := lxc.UntilEscape(io.Discard, iotest.ErrReader(io.ErrUnexpectedEOF)); err == nil {
		t.Error("a terminal that cannot be read is no error")
	}
}
