package record_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/record"
)

func TestReplace(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	r := create(t, s, "web1", 1)
	put(t, s.Dir("web1")+"/.record.json.tmp-0123456789abcdef", "left by a crash")
	r.Spec.Priority = 90
	if err := s.Replace(r); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load("web1")
	if diff := cmp.Diff(r, got); err != nil || diff != "" {
		t.Errorf("Load: %v (-want +got):\n%s", err, diff)
	}
	want := []string{"delta/", "delta/upper/", "record.json"}
	if diff := cmp.Diff(want, tree(t, s.Dir("web1"))); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
}

func TestReplaceRefuses(t *testing.T) {
	s := record.Open(t.TempDir())
	r := create(t, s, "web1", 1)
	later := newRecord(t, "later", 3)
	put(t, s.Dir("later")+"/record.json", `{"format":2}`)
	for _, test := range []struct {
		summary string
		r       record.Record
		wantErr error
	}{
		{"a container that is not there", newRecord(t, "web2", 2), fs.ErrNotExist},
		{"another of the same name", newRecord(t, "web1", 1), record.ErrChanged},
		{"another format", later, record.ErrFormat},
		{"a bad record", func() record.Record { bad := r; bad.MachineID = ""; return bad }(), record.ErrDamaged},
	} {
		if err := s.Replace(test.r); !errors.Is(err, test.wantErr) {
			t.Errorf("%s: Replace = %v, want %v", test.summary, err, test.wantErr)
		}
	}
	if got, err := s.Load("web1"); err != nil || !cmp.Equal(got, r) {
		t.Errorf("the stored record changed: %v", err)
	}
	if content, err := os.ReadFile(s.Dir("later") + "/record.json"); err != nil || string(content) != `{"format":2}` {
		t.Errorf("the record of another format changed: %q, %v", content, err)
	}
}

func TestDiscardAndPurge(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	create(t, s, "web1", 1)
	create(t, s, "web1-a", 2)
	trash, err := s.Discard("web1")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^\.trash-web1-[0-9a-f]{16}$`).MatchString(filepath.Base(trash)) {
		t.Errorf("trash %q", trash)
	}
	if _, err := s.Load("web1"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, record.ErrCreating) {
		t.Errorf("Load = %v", err)
	}
	if _, err := s.Discard("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second Discard = %v, want ErrNotExist", err)
	}
	create(t, s, "web1", 3) // the name is free at once
	for range 2 {
		if err := s.Purge(trash); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(trash); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the trash is still there: %v", err)
	}
	if entries, err := s.List(); err != nil || len(entries) != 2 {
		t.Errorf("List = %v, %v", entries, err)
	}
}

// TestPurgeOnlyTakesTrash gives it paths that are none.
func TestPurgeOnlyTakesTrash(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	create(t, s, "trash-1", 1)
	before := tree(t, root)
	for _, path := range []string{
		"", "/", root, s.Dir(""), s.Dir("trash-1"), s.Dir(".trash-1"), s.Dir(".trash-trash-1"), s.Dir(".new-x"), root + "/.trash-x-0123456789abcdef",
		s.Dir(".trash-x-0123456789abcdef") + "/..", s.Dir(".trash-x-0123456789abcdeg"), s.Dir(".trash-..-0123456789abcdef"),
	} {
		if err := s.Purge(path); err == nil {
			t.Errorf("Purge(%q) says it is done", path)
		}
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("on disk (-before +after):\n%s", diff)
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	for i, n := range []string{"new-york", "trash-1", "web1", "web2"} {
		create(t, s, n, i+1)
	}
	kept := []string{"new-york", "trash-1", "web1", ".new-busy", ".trash-busy-0123456789abcdef", ".trash-later-0123456789abcdef", ".new-", ".new-UPPER", ".hidden", ".trash-short-0123"}
	for _, n := range kept[3:] {
		put(t, s.Dir(n)+"/delta/upper/x", "")
	}
	put(t, s.Dir(".trash-later-0123456789abcdef")+"/record.json", `{"format":2}`)
	for _, n := range []string{".new-x", ".new-web1", ".trash-web1-0123456789abcdef", ".trash-web9-fedcba9876543210"} {
		put(t, s.Dir(n)+"/delta/upper/x", "")
	}
	put(t, s.Dir(".new-x")+"/record.json", "garbage")
	put(t, s.Dir(".trash-file-0123456789abcdef"), "a file, not a directory")
	if _, err := s.Discard("web2"); err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for range 2 {
		err := s.Sweep(func(container string) bool { asked[container] = true; return container != "busy" })
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]bool{}
	for _, n := range kept {
		want[n] = true
	}
	got := map[string]bool{}
	for _, path := range tree(t, s.Dir("")) {
		first, _, _ := strings.Cut(path, "/")
		got[first] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	wantAsked := map[string]bool{"x": true, "web1": true, "web2": true, "web9": true, "busy": true, "later": true, "file": true}
	if diff := cmp.Diff(wantAsked, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
