package name_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/profiles/name"
)

func TestExpand(t *testing.T) {
	tests := []struct {
		summary, input, want, wantErr string
	}{
		{"a name", "web7", "web7", ""},
		{"angle brackets", "web<1..3>", "web1 web2 web3", ""},
		{"square brackets", "web[1-3]", "web1 web2 web3", ""},
		{"braces", "web{1..3}", "web1 web2 web3", ""},
		{"over a power of ten", "web[9-11]", "web9 web10 web11", ""},
		{"padding by the first", "web[08-10]", "web08 web09 web10", ""},
		{"padding by both, as bash does", "web{008..10}", "web008 web009 web010", ""},
		{"list", "web[001-003,200]", "web001 web002 web003 web200", ""},
		{"list keeps each width", "web[1,02,003]", "web1 web02 web003", ""},
		{"zero", "web[0-1]", "web0 web1", ""},
		{"a single zero pads nothing", "web[0-10,11]", "web0 web1 web2 web3 web4 web5 web6 web7 web8 web9 web10 web11", ""},
		{"in the middle", "web<1..2>-eu", "web1-eu web2-eu", ""},
		{"each once", "web[1-2,2,1]", "web1 web2", ""},
		{"empty", "", "", "it is empty"},
		{"at the beginning", "[1-2]web", "", "it must begin with a lower case letter"},
		{"reserved", "host", "", "the word is reserved"},
		{"two ranges", "a[1-2]b[1-2]", "", "only one range is allowed"},
		{"nested", "a[1-[2]]", "", "only one range is allowed"},
		{"not closed", "a[1-2", "", `"[" is not closed by "]"`},
		{"closed by another", "a[1-2>", "", `"[" is not closed by "]"`},
		{"not opened", "a1-2]", "", "a bracket is closed that was not opened"},
		{"nothing inside", "a[]", "", `"" is not a number or a range`},
		{"trailing comma", "a[1,]", "", `"" is not a number or a range`},
		{"letters", "a[x-z]", "", `"x-z" is not a number or a range`},
		{"sign", "a[-1-2]", "", `"-1-2" is not a number or a range`},
		{"space", "a[1 - 2]", "", "is not a number or a range"},
		{"other digits", "a[١-٢]", "", "is not a number or a range"},
		{"counting down", "a[3-1]", "", `"3-1" counts down: write 1..3`},
		{"too large", "a[99999999999999999999]", "", "is too large a number"},
		{"name too long", strings.Repeat("a", 62) + "[9-10]", "", "it has 64 characters"},
		{"ends with a hyphen", "a[1-2]-", "", "it must not end with a hyphen"},
		{"forgotten brackets", "web1..3", "", "write a range in brackets"},
		{"comma", "web1,web2", "", "separate names by spaces"},
		{"upper case", "Web7", "", "did you mean web7?"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			got, err := name.Expand(test.input)
			checkErr(t, err, test.wantErr, name.ErrName)
			if joined := strings.Join(got, " "); joined != test.want {
				t.Errorf("got %q, want %q", joined, test.want)
			}
		})
	}
}

func TestExpandIsBounded(t *testing.T) {
	if got, err := name.Expand("w[1-10000]"); err != nil || len(got) != name.MaxNames {
		t.Fatalf("%d names, error %v; want exactly the most that is allowed", len(got), err)
	}
	begin := time.Now()
	for _, expr := range []string{"w[1-10001]", "w<1..1000000000>", "w[0-9223372036854775807]", "w[1-5000,1-5000,1]",
		"w[" + strings.Repeat("1-9999,", 500) + "1]", "w[1-9223372036854775807,1-9223372036854775807]"} {
		if _, err := name.Expand(expr); !errors.Is(err, name.ErrTooMany) {
			t.Errorf("%.40s: error is %v, want ErrTooMany", expr, err)
		}
	}
	if _, err := name.Expand("w[" + strings.Repeat("1,", 1<<20) + "1]"); !errors.Is(err, name.ErrName) {
		t.Errorf("an expression of 2 MiB: error is %v, want ErrName", err)
	}
	// Expanding any of them would take minutes; refusing takes microseconds.
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("refusing took %v", took)
	}
}

// FuzzExpand: every name passes Check, there are at most MaxNames and no two equal, and each is its own expression.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"web7", "web<1..100>", "web[001-100,200]", "web{1..100}-eu", "a[1-10001]", "a[1-1000000000]", "[", "a[,]", "a[1-2]b[3]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		names, err := name.Expand(expr)
		if err != nil {
			if len(names) != 0 || !errors.Is(err, name.ErrName) && !errors.Is(err, name.ErrTooMany) {
				t.Fatalf("%q: %d names with the error %v", expr, len(names), err)
			}
			return
		}
		if len(names) == 0 || len(names) > name.MaxNames {
			t.Fatalf("%q: %d names", expr, len(names))
		}
		if len(names) > 200 {
			names = append(names[:100], names[len(names)-100:]...)
		}
		seen := map[string]bool{}
		for _, n := range names {
			again, err := name.Expand(n)
			if name.Check(n) != nil || seen[n] || err != nil || !slices.Equal(again, []string{n}) {
				t.Fatalf("%q gives %q: check %v, seen %v, again %v %v", expr, n, name.Check(n), seen[n], again, err)
			}
			seen[n] = true
		}
	})
}
