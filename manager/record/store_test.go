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
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestEmptyStore(t *testing.T) {
	root := filepath.Join(t.TempDir(), "missing")
	s := record.Open(root)
	if entries, err := s.List(); err != nil || len(entries) != 0 {
		t.Errorf("List = %v, %v", entries, err)
	}
	if used, err := s.Used(); err != nil || len(used) != 0 {
		t.Errorf("Used = %v, %v", used, err)
	}
	if _, err := s.Load("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v", err)
	}
	if _, err := s.Discard("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Discard = %v", err)
	}
	if err := s.Sweep(func(string) bool { return true }); err != nil {
		t.Errorf("Sweep = %v", err)
	}
	if _, err := os.Lstat(root); !errors.Is(err, fs.ErrNotExist) {
		t.Error("looking made something")
	}
}

func TestLoadChecksTheName(t *testing.T) {
	s := record.Open(t.TempDir())
	for _, bad := range []string{"", "..", ".new-web1", "a/b", "/etc", "all"} {
		if _, err := s.Load(bad); !errors.Is(err, name.ErrName) {
			t.Errorf("Load(%q) = %v, want ErrName", bad, err)
		}
		if _, err := s.Discard(bad); !errors.Is(err, name.ErrName) {
			t.Errorf("Discard(%q) = %v, want ErrName", bad, err)
		}
	}
}

// hostileRecords puts what is no usable record in the place of one, and says what Load must answer.
var hostileRecords = []struct {
	summary string
	place   func(path string) error
	wantErr error
}{
	{"a FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, record.ErrDamaged},
	{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, record.ErrDamaged},
	{"a link to a good one", func(path string) error { return os.Symlink("../good/record.json", path) }, record.ErrDamaged},
	{"a link to a terminal", func(path string) error { return os.Symlink("/dev/tty", path) }, record.ErrDamaged},
	{"10 MB", func(path string) error { return os.WriteFile(path, make([]byte, 10<<20), 0o600) }, record.ErrDamaged},
	{"nothing in it", func(path string) error { return os.WriteFile(path, nil, 0o600) }, record.ErrDamaged},
	{"missing", func(string) error { return nil }, record.ErrDamaged},
	{"a later format", func(path string) error { return os.WriteFile(path, []byte(`{"format":9}`), 0o600) }, record.ErrFormat},
}

func TestHostileRecords(t *testing.T) {
	for _, test := range hostileRecords {
		t.Run(test.summary, func(t *testing.T) {
			root := t.TempDir()
			s := record.Open(root)
			create(t, s, "good", 1)
			dir := s.Dir("bad")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := test.place(filepath.Join(dir, "record.json")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load("bad"); !errors.Is(err, test.wantErr) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Load = %v, want %v", err, test.wantErr)
			}
			entries, err := s.List()
			if err != nil || len(entries) != 2 || entries[0].Name != "bad" || !errors.Is(entries[0].Err, test.wantErr) || entries[1].Err != nil {
				t.Errorf("List = %+v, %v", entries, err)
			}
			used, err := s.Used()
			if errors.Is(test.wantErr, record.ErrDamaged) && (!errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), "bad")) {
				t.Errorf("Used = %v, %v; want an error: its range is not known", used, err)
			}
			before := tree(t, root)
			trash, err := s.Discard("bad")
			if errors.Is(test.wantErr, record.ErrFormat) {
				if diff := cmp.Diff(before, tree(t, root)); !errors.Is(err, record.ErrFormat) || diff != "" {
					t.Errorf("Discard of an unknown format: %v (-before +after):\n%s", err, diff)
				}
				return
			}
			if err := errors.Join(err, s.Purge(trash)); err != nil {
				t.Errorf("it cannot be destroyed: %v", err)
			}
			if used, err := s.Used(); err != nil || len(used) != 1 {
				t.Errorf("afterwards Used = %v, %v", used, err)
			}
		})
	}
}

func TestFileInsteadOfContainer(t *testing.T) {
	s := record.Open(t.TempDir())
	create(t, s, "web1", 1)
	put(t, s.Dir("web2"), "")
	if _, err := s.Load("web2"); !errors.Is(err, record.ErrDamaged) {
		t.Errorf("Load = %v, want ErrDamaged", err)
	}
	if err := s.Create(newRecord(t, "web2", 2), nil); !errors.Is(err, record.ErrExists) {
		t.Errorf("Create = %v, want ErrExists", err)
	}
}

func TestList(t *testing.T) {
	s := record.Open(t.TempDir())
	want := []string{"new-york", "trash-1", "web1", "web2", "web10"}
	for i, n := range []string{"web10", "web2", "trash-1", "web1", "new-york"} {
		create(t, s, n, i+1)
	}
	for _, other := range []string{".new-web3", ".trash-web4-0123456789abcdef", "lost+found", "UPPER"} {
		put(t, filepath.Join(s.Dir(other), "x"), "")
	}
	entries, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if e.Err != nil || e.Record.Name != e.Name {
			t.Errorf("entry %+v", e)
		}
		got = append(got, e.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if _, err := s.Load("web3"); !errors.Is(err, record.ErrCreating) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a draft = %v, want ErrCreating and ErrNotExist", err)
	}
}

func TestUsed(t *testing.T) {
	s := record.Open(t.TempDir())
	create(t, s, "web1", 1)
	create(t, s, "web2", 2)
	create(t, s, "web3", 3)
	privileged := newRecord(t, "root", 4)
	privileged.Spec.Isolation, privileged.Range = "privileged", idrange.Range{}
	if err := s.Create(privileged, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Discard("web2"); err != nil { // trash owns its range
		t.Fatal(err)
	}
	if err := os.Rename(s.Dir("web3"), s.Dir(".new-web3")); err != nil { // a draft too
		t.Fatal(err)
	}
	put(t, s.Dir(".new-web5")+"/x", "")                    // one without a record none
	put(t, s.Dir(".new-web6")+"/record.json", `{"form`)    // nor one with half a record
	put(t, s.Dir(".trash-web7-0123456789abcdef")+"/x", "") // Purge was interrupted after the record
	put(t, s.Dir("later")+"/record.json", fmt.Sprintf(`{"format":7,"range":{"start":%d,"size":65536},"spec":[]}`, rangeAt(8).Start))
	used, err := s.Used()
	if err != nil {
		t.Fatal(err)
	}
	free, err := idrange.Default().Allocate(used, 3)
	if diff := cmp.Diff([]idrange.Range{rangeAt(4), rangeAt(5), rangeAt(6)}, free); err != nil || diff != "" {
		t.Errorf("free: %v (-want +got):\n%s", err, diff)
	}
	if len(used) != 4 {
		t.Errorf("Used = %v", used)
	}
	put(t, s.Dir(".trash-web9-0123456789abcdef")+"/record.json", "garbage")
	if _, err := s.Used(); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), ".trash-web9") {
		t.Errorf("Used with unreadable trash: %v", err)
	}
}

func BenchmarkList(b *testing.B) {
	s := record.Open(b.TempDir())
	records := make([]record.Record, 1000)
	spec := newRecord(b, "web1", 1)
	for i := range records {
		records[i] = record.New(fmt.Sprintf("web%d", i+1), spec.Spec, rangeAt(i+1), spec.Created)
	}
	for _, err := range s.CreateMany(records, nil) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if entries, err := s.List(); err != nil || len(entries) != 1000 || entries[999].Name != "web1000" {
			b.Fatal(len(entries), err)
		}
	}
}
