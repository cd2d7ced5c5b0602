package cmd_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestRanges(t *testing.T) {
	for _, test := range []struct{ words, want string }{
		{"", ""},
		{"web1", ""},
		{"web", ""},
		{"web1 web2 web3", "web<1..3>"},
		{"web1 web3", ""},
		{"web1 web2 web4 web5", "web<1..2> web<4..5>"},
		{"db1 db2 web1 web2", "db<1..2> web<1..2>"},
		{"db1 web2", ""},
		{"web9 web10 web11", "web<9..11>"},
		{"web08 web09 web10", "web<08..10>"},
		{"web08 web9", ""},
		{"web099 web100", "web<099..100>"},
		{"web0 web1", "web<0..1>"},
		{"a web1 web2 all @web3 profile:web3", "web<1..2>"},
		{"web99999999999999999999 web100000000000000000000", ""},
	} {
		if got := strings.Join(cmd.Ranges(strings.Fields(test.words)), " "); got != test.want {
			t.Errorf("ranges of %q are %q, want %q", test.words, got, test.want)
		}
	}
}

// Whatever the names are, a range that is offered names at least two of them and nothing else, and no two name the same.
func FuzzRanges(f *testing.F) {
	f.Add("web1 web2 web08 web09 web10 db1")
	f.Add("a0 a00 a01 a1 a2 a02")
	f.Fuzz(func(t *testing.T, text string) {
		words := slices.DeleteFunc(strings.Fields(text), func(w string) bool { return name.Check(w) != nil })
		slices.SortFunc(words, name.Compare)
		words = slices.Compact(words)
		seen := map[string]bool{}
		for _, r := range cmd.Ranges(words) {
			expanded, err := name.Expand(r)
			if err != nil || len(expanded) < 2 {
				t.Fatalf("%q is offered and expands to %q (%v)", r, expanded, err)
			}
			for _, n := range expanded {
				if !slices.Contains(words, n) || seen[n] {
					t.Errorf("%q of %q names %q", r, words, n)
				}
				seen[n] = true
			}
		}
	})
}

func TestRangesOfMany(t *testing.T) {
	var words []string
	for i := 1; i <= 10000; i++ {
		words = append(words, fmt.Sprint("web", i))
	}
	if got := cmd.Ranges(words); !slices.Equal(got, []string{"web<1..10000>"}) {
		t.Errorf("the ranges of ten thousand are %q", got)
	}
}
