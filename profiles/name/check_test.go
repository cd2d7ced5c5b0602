package name_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/profiles/name"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		summary, input, wantErr string
	}{
		{"one letter", "a", ""},
		{"letters and digits", "web7", ""},
		{"hyphen inside", "web-7-eu", ""},
		{"longest", long, ""},
		{"like a prefix of our directories", "new-york", ""},
		{"like a trash directory", "trash-1", ""},
		{"reserved word as a part", "all-1", ""},
		{"empty", "", `bad name "": it is empty`},
		{"too long", long + "a", "it has 64 characters, and 63 are allowed"},
		{"reserved all", "all", `bad name "all": the word is reserved`},
		{"reserved host", "host", `bad name "host": the word is reserved`},
		{"digit first", "7web", "it must begin with a lower case letter"},
		{"hyphen first", "-web", "it must begin with a lower case letter"},
		{"hyphen last", "web-", "it must not end with a hyphen"},
		{"dot first", ".new-web", "it must begin with a lower case letter"},
		{"upper case", "wEb", `'E' is not allowed`},
		{"path", "a/../b", `'/' is not allowed`},
		{"newline", "a\nb", `'\n' is not allowed`},
		{"NUL", "a\x00b", `'\x00' is not allowed`},
		{"non-ASCII letter", "wéb", `'é' is not allowed`},
		{"invalid UTF-8", "a\xff", "is not allowed"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			checkErr(t, name.Check(test.input), test.wantErr, name.ErrName)
		})
	}
}

// checkErr fails unless err is nil exactly if want is empty, contains want, and wraps sentinel.
func checkErr(t *testing.T, err error, want string, sentinel error) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Fatalf("unexpected error: %v", err)
	case want == "":
	case err == nil:
		t.Fatalf("no error, want one with %q", want)
	case !strings.Contains(err.Error(), want):
		t.Fatalf("error is\n%v\nwant it to contain\n%s", err, want)
	case !errors.Is(err, sentinel):
		t.Fatalf("error %v does not wrap %v", err, sentinel)
	}
}

func TestErrorsAreBoundedAndPrintable(t *testing.T) {
	hostile := strings.Repeat("\x1b[31m\u202e", 1<<16)
	for _, input := range []string{hostile, "web[" + hostile + "]", "@" + hostile, "state:" + hostile, hostile + ":x"} {
		_, err := name.ParseTarget(input)
		if err == nil {
			t.Fatalf("accepted %.20q", input)
		}
		if msg := err.Error(); len(msg) > 1500 || strings.ContainsAny(msg, "\x1b\u202e\n") {
			t.Errorf("message of %d bytes: %.200q", len(msg), msg)
		}
	}
}

func TestCompare(t *testing.T) {
	want := []string{"a", "a-1", "db01", "db1", "db2", "db10", "web", "web1", "web1-a", "web2", "web10", "web10-2", "web10-10",
		"web99999999999999999998", "web99999999999999999999", "weba"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, name.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// FuzzCheck: Check agrees with the pattern of the design.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "a", "web-7", "all", "host", "-", "a-", "A", "a\n", strings.Repeat("a", 64)} {
		f.Add(s)
	}
	design := regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?\z`)
	f.Fuzz(func(t *testing.T, s string) {
		want := design.MatchString(s) && s != "all" && s != "host"
		if got := name.Check(s) == nil; got != want {
			t.Errorf("Check(%q) accepts: %v, want %v", s, got, want)
		}
	})
}

// FuzzCompare: a total order, antisymmetric and transitive, 0 only for equal texts.
func FuzzCompare(f *testing.F) {
	f.Add("web1", "web01", "web2")
	f.Add("a1b", "a1", "a")
	f.Add("00", "0", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		ab, ba := name.Compare(a, b), name.Compare(b, a)
		if ab != -ba || (ab == 0) != (a == b) {
			t.Errorf("Compare(%q, %q) = %d, reversed %d", a, b, ab, ba)
		}
		if ab <= 0 && name.Compare(b, c) <= 0 && name.Compare(a, c) > 0 {
			t.Errorf("not transitive: %q, %q, %q", a, b, c)
		}
	})
}
