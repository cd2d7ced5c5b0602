package manager_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
)

const (
	benchDirs  = 100
	benchFiles = 100_000
	benchLate  = 1000 // files of the host that changed
)

// benchShadowed has a delta of 10^5 files in 100 directories, which the host has too or not, and the changes of some.
func benchShadowed(b *testing.B, below bool) (*shadowed, []shadow.Change) {
	b.Helper()
	s := newShadowed(b)
	trees := []string{s.delta + "/upper"}
	if below {
		trees = append(trees, s.base)
	}
	var late []shadow.Change
	for i := range benchFiles {
		if i < benchDirs {
			for _, tree := range trees {
				do(b, os.MkdirAll(fmt.Sprintf("%s/usr/share/d%d", tree, i), 0o755))
			}
		}
		path := fmt.Sprintf("/usr/share/d%d/file%d", i%benchDirs, i)
		content := strings.Repeat("x", 100)
		do(b, os.WriteFile(s.delta+"/upper"+path, []byte(content), 0o644))
		if below {
			if i < benchLate {
				content = strings.Repeat("y", 100)
				late = append(late, shadow.Change{Path: path, Was: &shadow.File{Mode: 0o100644}, Is: &shadow.File{Mode: 0o100644}})
			}
			do(b, os.WriteFile(s.base+path, []byte(content), 0o644))
		}
	}
	return s, late
}

// BenchmarkShadows looks at deltas of 10^5 files: the container's own, and copies of the host's of which 1000 changed.
func BenchmarkShadows(b *testing.B) {
	own, _ := benchShadowed(b, false)
	copies, late := benchShadowed(b, true)
	for _, test := range []struct {
		name string
		s    *shadowed
		look manager.Look
		want int
	}{
		{"own", own, manager.Look{Since: shadow.Since(late)}, 0},
		{"copies", copies, manager.Look{Since: shadow.Since(late)}, benchLate},
		{"copies/all", copies, manager.Look{Since: shadow.Since(late), All: true}, benchFiles},
		{"copies/ever", copies, manager.Look{Since: shadow.Ever()}, benchLate},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				if found := test.s.look(test.look); len(found) != test.want {
					b.Fatalf("%d shadows, want %d", len(found), test.want)
				}
			}
		})
	}
}
