package output_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sysctr/sysctr/cmd/output"
)

func TestClean(t *testing.T) {
	tests := []struct{ summary, input, want string }{
		{"plain", "web3: started", "web3: started"},
		{"other alphabets", "grüße 日本", "grüße 日本"},
		{"a backslash stays", `dev-disk\x2dby`, `dev-disk\x2dby`},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"title of the window", "\x1b]0;x\a", `\x1b]0;x\x07`},
		{"lines", "a\nb\r\nc\td", `a\nb\r\nc\td`},
		{"nul and del", "\x00\x7f", `\x00\x7f`},
		{"second control block", "\u009b2J", `\x9b2J`},
		{"direction of writing", "user\u202etxt", `user\u202etxt`},
		{"invisible", "a\u200bb\U000e0001", `a\u200bb\U000e0001`},
		{"no UTF-8", "a\xff\xc3(", `a\xff\xc3(`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			if got := output.Clean(test.input); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := output.CleanLine("a\tb\x1b"); got != "a\tb\\x1b" {
		t.Errorf("CleanLine = %q", got)
	}
}

// FuzzClean: what comes out is printable UTF-8, comes out of a second Clean unchanged, and is the input if that was printable.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "web3", "\x1b[2J", "a\nb", "\xff\xfe", "\u202e", "\u009b", "\ufffd", "\U0010ffff", "a\\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		got := output.Clean(input)
		if !utf8.ValidString(got) {
			t.Errorf("Clean(%q) = %q is no UTF-8", input, got)
		}
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		if strings.ContainsFunc(got, unprintable) {
			t.Errorf("Clean(%q) = %q is not printable", input, got)
		}
		if again := output.Clean(got); again != got {
			t.Errorf("Clean(%q) = %q, again %q", input, got, again)
		}
		if utf8.ValidString(input) && !strings.ContainsFunc(input, unprintable) && got != input {
			t.Errorf("Clean(%q) = %q", input, got)
		}
	})
}
