package output_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestCompact(t *testing.T) {
	tests := []struct{ summary, input, want string }{
		{"nothing", "", ""},
		{"one", "web1", "web1"},
		{"without a number", "web db", "db,web"},
		{"as in the design", "web1 web2 web3 db1", "db1,web[1-3]"},
		{"natural order, once", "web10 web2 web9 web10", "web[2,9-10]"},
		{"gaps", "web1 web2 web4 web7 web8 web9", "web[1-2,4,7-9]"},
		{"zero padding", "web001 web002 web003", "web[001-003]"},
		{"zero padding ends where the number is as wide", "web099 web100 web101", "web[099-101]"},
		{"padded and plain", "web01 web1 web2 web02", "web[01-02],web[1-2]"},
		{"plain where only others are padded", "web01 web2", "web01,web2"},
		{"wider than the padding", "web99 web098 web100", "web[098,100],web99"},
		{"zero", "web0 web1 web00", "web[0-1],web00"},
		{"number in the middle", "web1-eu web2-eu web1-us", "web[1-2]-eu,web1-us"},
		{"the last number counts", "a1b2 a1b3 a2b2", "a1b[2-3],a2b2"},
		{"too large a number", "w99999999999999999999 w99999999999999999998", "w99999999999999999998,w99999999999999999999"},
		{"the largest number", "w9223372036854775806 w9223372036854775807", "w[9223372036854775806-9223372036854775807]"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			input := strings.Fields(test.input)
			before := slices.Clone(input)
			if got := output.Compact(input); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if !slices.Equal(before, input) {
				t.Errorf("the argument is now %q", input)
			}
			expandsTo(t, input)
		})
	}
}

// A list with many gaps becomes several expressions, each short enough to be read back.
func TestCompactOfManyGaps(t *testing.T) {
	var odd []string
	for i := range 5000 {
		odd = append(odd, fmt.Sprintf("web%d", 2*i+1))
	}
	expandsTo(t, odd)
	if got := output.Compact(names(10000)); got != "web[1-10000]" {
		t.Errorf("got %.100q", got)
	}
}

// expandsTo fails unless the parts of the compacted list stand for exactly names, none of them twice.
func expandsTo(t *testing.T, names []string) {
	t.Helper()
	want := slices.Clone(names)
	slices.SortFunc(want, name.Compare)
	want = slices.Compact(want)
	compact := output.Compact(names)
	var got []string
	for _, part := range topLevel(compact) {
		expanded, err := name.Expand(part)
		if err != nil {
			t.Fatalf("part %.200q: %v", part, err)
		}
		got = append(got, expanded...)
	}
	slices.SortFunc(got, name.Compare)
	if !slices.Equal(got, want) {
		t.Errorf("%.500q differs (-want +got):\n%s", compact, cmp.Diff(want, got))
	}
}

// topLevel splits at the commas outside of brackets.
func topLevel(list string) []string {
	depth := 0
	return strings.FieldsFunc(list, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == ',' && depth == 0
	})
}

// FuzzCompact: the parts of the list give back exactly the set of names, and the order of the names does not matter.
func FuzzCompact(f *testing.F) {
	f.Add("web1 web2 web3 db1")
	f.Add("web001 web002 web100 web99 web1000")
	f.Add("a1b2 a1b3 a-1 a-01 a-001 a0 a00")
	f.Add("w9223372036854775807 w9223372036854775806 w18446744073709551615")
	f.Fuzz(func(t *testing.T, text string) {
		var valid []string
		for _, word := range strings.Fields(text) {
			if name.Check(word) == nil && len(valid) < name.MaxNames {
				valid = append(valid, word)
			}
		}
		expandsTo(t, valid)
		want := output.Compact(valid)
		slices.Reverse(valid)
		if got := output.Compact(valid); got != want {
			t.Errorf("backwards %q, forwards %q", got, want)
		}
	})
}
