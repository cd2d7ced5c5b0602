package generation_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
)

// show writes a diff as text: packages, then files without the package manager's own.
func show(d generation.Diff) string {
	var b strings.Builder
	for _, p := range d.Packages {
		fmt.Fprintf(&b, "%s %q -> %q\n", p.Name, p.Old, p.New)
	}
	for _, f := range d.Files {
		if f.Class == generation.Database {
			continue
		}
		sign := map[[2]bool]string{{true, false}: "-", {false, true}: "+", {true, true}: "~"}[[2]bool{f.Was != nil, f.Is != nil}]
		fmt.Fprintf(&b, "%s %s %s", sign, f.Path, f.Class)
		if f.Package != "" {
			fmt.Fprintf(&b, " %s %q %q", f.Package, f.OldVersion, f.NewVersion)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestCompare(t *testing.T) {
	base := map[string]string{"usr/lib/libx.so.1": "one", "!etc/x.conf": "a=1", "usr/bin/x": "x", "usr/share/x/data": "d"}
	for _, test := range []struct {
		summary string
		change  func(h tree)
		want    string
	}{
		{"nothing", func(tree) {}, ""},
		{"upgrade", func(h tree) {
			h.install("x", "2", map[string]string{"usr/lib/libx.so.1": "two", "!etc/x.conf": "a=1", "usr/bin/x": "x", "usr/share/x/data": "d"})
		},
			"x \"1\" -> \"2\"\n~ /etc/x.conf conffile x \"1\" \"2\"\n~ /usr/bin/x program x \"1\" \"2\"\n~ /usr/lib/libx.so.1 program x \"1\" \"2\"\n" +
				"~ /usr/share/x/data program x \"1\" \"2\"\n"},
		{"edit in place", func(h tree) { h.must(os.WriteFile(h.path("etc/x.conf"), []byte("a=2"), 0o644)) }, "~ /etc/x.conf conffile x \"1\" \"1\"\n"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			h := newTree(t)
			h.install("x", "1", base)
			store := open(t, t.TempDir())
			settle(h)
			old := h.take(store)
			test.change(h)
			now := h.take(store)
			if got := show(generation.Compare(old, now)); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
			if same := old.Number == now.Number; same != (test.want == "") {
				t.Errorf("numbers %d and %d", old.Number, now.Number)
			}
		})
	}
}
