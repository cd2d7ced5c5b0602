package cmd_test

import (
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd"
)

func TestParsePlace(t *testing.T) {
	for _, test := range []struct{ in, targets, path string }{
		{"web1:/etc/hosts", "web1", "/etc/hosts"},
		{"web<1..3>:/tmp/", "web<1..3>", "/tmp/"},
		{"@tag:/x", "@tag", "/x"},
		{"profile:web:/x:/y", "profile:web", "/x:/y"},
		{"state:running:/", "state:running", "/"},
		{"all:/x", "all", "/x"},
		{"-", "", "-"},
		{"x", "", "x"},
		{"a b", "", "a b"},
		{"/a:/b", "", "/a:/b"},
		{"./web1:/x", "", "./web1:/x"},
		{"../web1:/x", "", "../web1:/x"},
		{".", "", "."},
		{"", "", ""}, {"web1:x", "", ""}, {":/x", "", ""}, {"web1:", "", ""}, {"a\x00", "", ""}, {"w:/" + strings.Repeat("x", 9000), "", ""},
	} {
		targets, path, err := cmd.ParsePlace(test.in)
		if targets != test.targets || path != test.path || (err == nil) != (test.path != "") {
			t.Errorf("%.20q: %q and %q, %v", test.in, targets, path, err)
		}
	}
}

// FuzzParsePlace: a path in a container is absolute, and what begins as a path of the host is one.
func FuzzParsePlace(f *testing.F) {
	f.Add("web1:/etc")
	f.Add("./a:/b")
	f.Fuzz(func(t *testing.T, text string) {
		targets, path, err := cmd.ParsePlace(text)
		switch {
		case err != nil:
		case targets == "" && path != text:
			t.Errorf("%q of the host became %q", text, path)
		case targets != "" && (!strings.HasPrefix(path, "/") || targets+":"+path != text || strings.HasPrefix(text, "/") || strings.HasPrefix(text, ".")):
			t.Errorf("%q became %q in %q", text, path, targets)
		}
	})
}

func TestNameOf(t *testing.T) {
	for in, want := range map[string]string{
		"/a/b": "b", "/a/b/": "b", "/a/b/.": "", "/a/./": "", ".": "", "..": "", "/": "", "./x": "x", "a.": "a.", "/a/..": "", "x/.b": ".b", "./": "",
	} {
		if got := cmd.NameOf(in); got != want {
			t.Errorf("%q arrives as %q, want %q", in, got, want)
		}
	}
}
