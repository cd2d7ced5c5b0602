package mask_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/mask"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// parseTree reads a tree in the format of Tree.String, with a quoted content in place of a file's size; parents that are not written are
// directories 755 of root. Lines that begin with # are comments.
func parseTree(t testing.TB, text string) mask.Tree {
	t.Helper()
	entries := map[string]mask.Entry{".": {Path: ".", Kind: mask.Dir, Mode: 0o755}}
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			t.Fatalf("tree line %q: %v", line, err)
		}
		entries[e.Path] = e
		for p := filepath.Dir(e.Path); p != "."; p = filepath.Dir(p) {
			if _, ok := entries[p]; !ok {
				entries[p] = mask.Entry{Path: p, Kind: mask.Dir, Mode: 0o755}
			}
		}
	}
	var tree mask.Tree
	for _, e := range entries {
		tree = append(tree, e)
	}
	sort.Slice(tree, func(i, j int) bool {
		return tree[j].Path != "." && (tree[i].Path == "." || tree[i].Path < tree[j].Path)
	})
	return tree
}

func parseEntry(line string) (mask.Entry, error) {
	var e mask.Entry
	f := strings.SplitN(line, " ", 4)
	if len(f) != 4 || len(f[0]) != 1 {
		return e, fmt.Errorf("want KIND MODE UID:GID PATH …")
	}
	e.Kind = map[string]mask.Kind{"d": mask.Dir, "O": mask.Opaque, "W": mask.Whiteout, "f": mask.File, "l": mask.Link}[f[0]]
	if _, err := fmt.Sscanf(f[1]+" "+f[2], "%o %d:%d", &e.Mode, &e.UID, &e.GID); err != nil {
		return e, err
	}
	path, rest := f[3], ""
	if q, err := strconv.QuotedPrefix(f[3]); err == nil {
		path, rest = q, f[3][len(q):]
		if path, err = strconv.Unquote(path); err != nil {
			return e, err
		}
	} else if i := strings.IndexByte(f[3], ' '); i > 0 {
		path, rest = f[3][:i], f[3][i:]
	}
	e.Path, rest = path, strings.TrimSpace(rest)
	switch {
	case e.Kind == mask.Link:
		e.Target = strings.TrimPrefix(rest, "-> ")
	case e.Kind == mask.File && rest != "":
		data, err := strconv.Unquote(rest)
		e.Data = []byte(data)
		return e, err
	}
	return e, nil
}

// madeHost writes a host tree from text and returns its root.
func madeHost(t testing.TB, text string) string {
	t.Helper()
	need.Root(t)
	root := filepath.Join(t.TempDir(), "host")
	if err := mask.Write(root, parseTree(t, text), mask.Shift{}); err != nil {
		t.Fatal(err)
	}
	return root
}

// hostText is the small Debian-like host that most tests start from.
func hostText(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".host"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// mustBuild builds or ends the test.
func mustBuild(t testing.TB, root string, r mask.Rules) mask.Layers {
	t.Helper()
	l, err := mask.Build(root, r)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// lineOf returns the line of tree for path, or "" if it has none.
func lineOf(tree mask.Tree, path string) string {
	e, ok := tree.Find(path)
	if !ok {
		return ""
	}
	return strings.TrimSpace(mask.Tree{e}.String())
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (rewrite with -update and raise layout in rules.go); got:\n%s", file, got)
	}
}
