package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestCreate(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	r := newRecord(t, "web1", 1)
	err := s.Create(r, func(dir string) error {
		if _, err := s.Load("web1"); !errors.Is(err, record.ErrCreating) {
			t.Errorf("while it is prepared, Load = %v; want ErrCreating", err)
		}
		if used, err := s.Used(); err != nil || len(used) != 1 || used[0] != r.Range {
			t.Errorf("while it is prepared, Used = %v, %v; want its range", used, err)
		}
		if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the draft is %v, %v", info, err)
		}
		return makeDelta(dir)
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Load("web1")
	if diff := cmp.Diff(r, got); err != nil || diff != "" {
		t.Errorf("Load: %v (-want +got):\n%s", err, diff)
	}
	want := []string{"containers/", "containers/web1/", "containers/web1/delta/", "containers/web1/delta/upper/", "containers/web1/record.json"}
	if diff := cmp.Diff(want, tree(t, root)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	for path, mode := range map[string]os.FileMode{"containers": 0o700, "containers/web1": 0o700, "containers/web1/record.json": 0o600} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %o", path, info.Mode(), err, mode)
		}
	}
}

// TestCreateLeavesNothing holds that a failed creation changes nothing on disk.
func TestCreateLeavesNothing(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		summary string
		change  func(r *record.Record)
		prepare func(dir string) error
		wantErr error
	}{
		{"the name exists", func(r *record.Record) { r.Name = "web1" }, nil, record.ErrExists},
		{"prepare fails half-way", nil, func(dir string) error { return errors.Join(makeDelta(dir), broken) }, broken},
		{"prepare removes the draft", nil, os.RemoveAll, fs.ErrNotExist},
		{"a bad record", func(r *record.Record) { r.ID = "" }, nil, record.ErrDamaged},
		{"a bad name", func(r *record.Record) { r.Name = "../web3" }, nil, name.ErrName},
		{"somebody else takes the name meanwhile", func(r *record.Record) { r.Name = "web3" }, func(dir string) error {
			return os.Mkdir(strings.Replace(dir, ".new-", "", 1), 0o700)
		}, record.ErrExists},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root := t.TempDir()
			s := record.Open(root)
			create(t, s, "web1", 1)
			before := tree(t, root)
			r := newRecord(t, "web2", 2)
			if test.change != nil {
				test.change(&r)
			}
			if err := s.Create(r, test.prepare); !errors.Is(err, test.wantErr) {
				t.Errorf("Create = %v, want %v", err, test.wantErr)
			}
			_ = os.Remove(s.Dir("web3")) // where the test itself made it
			if diff := cmp.Diff(before, tree(t, root)); diff != "" {
				t.Errorf("on disk (-before +after):\n%s", diff)
			}
		})
	}
}

func TestCreateMany(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	create(t, s, "web3", 3)
	var records []record.Record
	for i := range 20 {
		records = append(records, newRecord(t, fmt.Sprintf("web%d", i+1), i+1))
	}
	records = append(records, newRecord(t, "web1", 30), newRecord(t, "", 31))
	broken := errors.New("broken")
	errs := s.CreateMany(records, func(r record.Record, dir string) error {
		if r.Name == "web7" {
			return broken
		}
		return makeDelta(dir)
	})
	for i, err := range errs {
		want := map[int]error{2: record.ErrExists, 6: broken, 20: record.ErrExists, 21: name.ErrName}[i]
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", records[i].Name, err, want)
		}
	}
	entries, err := s.List()
	if err != nil || len(entries) != 19 {
		t.Fatalf("%d containers, %v; want 19", len(entries), err)
	}
	for _, e := range entries {
		if e.Err != nil {
			t.Errorf("%s: %v", e.Name, e.Err)
		}
	}
	if first, err := s.Load("web1"); err != nil || first.Range != rangeAt(1) {
		t.Errorf("the first web1 of the batch counts, and Load = %v, %v", first.Range, err)
	}
	for _, path := range tree(t, root) {
		if strings.Contains(path, "/.") {
			t.Errorf("left: %s", path)
		}
	}
}

// TestCreateAfterCrash kills a creation and then does it again.
func TestCreateAfterCrash(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	if out, err := helper(t, "create", root).Output(); err == nil {
		t.Fatalf("the helper was not killed: %s", out)
	}
	if _, err := os.Stat(s.Dir(".new-web1") + "/delta/upper"); err != nil {
		t.Fatalf("the helper was killed too early: %v", err)
	}
	if entries, err := s.List(); err != nil || len(entries) != 0 {
		t.Fatalf("a container that was never finished is listed: %v, %v", entries, err)
	}
	if used, err := s.Used(); err != nil || len(used) != 1 {
		t.Errorf("Used = %v, %v; want the range of the draft", used, err)
	}
	put(t, s.Dir(".new-web1")+"/delta/upper/old", "")
	r := create(t, s, "web1", 2)
	if got, err := s.Load("web1"); err != nil || got.ID != r.ID {
		t.Errorf("Load = %v, %v", got.ID, err)
	}
	if _, err := os.Stat(s.Dir("web1") + "/delta/upper/old"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the new container has a file of the old draft: %v", err)
	}
}

func BenchmarkCreate(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s := record.Open(b.TempDir())
			template, n := newRecord(b, "web1", 1), 0
			for b.Loop() {
				records := make([]record.Record, size)
				for i := range records {
					n++
					records[i] = record.New(fmt.Sprintf("web%d", n), template.Spec, template.Range, template.Created)
				}
				if err := errors.Join(s.CreateMany(records, func(_ record.Record, dir string) error { return makeDelta(dir) })...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
