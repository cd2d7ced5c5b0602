package roll_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/roll"
)

// aRoll is a stored one with something in most fields.
func aRoll(t testing.TB, id string, state roll.State) roll.Roll {
	t.Helper()
	r := newScene(t, nil, nil).roll
	r.ID, r.State = id, state
	r.Packages = []roll.Change{{Package: "libssl3", Arch: "amd64", Old: "1", New: "2"}}
	r.Members[0].State, r.Members[0].Begun = roll.Done, noon()
	r.Members[0].Result = roll.Result{Boot: "b", Generation: 2, Health: &roll.Health{Ready: true, Failed: []string{"x.service"}}}
	return r
}

func id(i int) string { return fmt.Sprintf("20261120T120000Z-%03d", i) }

func TestStore(t *testing.T) {
	dir := t.TempDir() + "/rolls"
	s := roll.Open(dir)
	if list, err := s.List(); err != nil || len(list) != 0 {
		t.Errorf("an empty store: %v, %v", list, err)
	}
	if _, active, err := s.Active(); active || err != nil {
		t.Errorf("an empty store: active %v, %v", active, err)
	}
	first, second := aRoll(t, id(1), roll.Finished), aRoll(t, id(2), roll.Running)
	for _, r := range []roll.Roll{first, second} {
		if err := s.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Load(id(1))
	if diff := cmp.Diff(first, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	list, err := s.List()
	if err != nil || len(list) != 2 || list[0].ID != id(2) {
		t.Errorf("list: %v, %v", list, err)
	}
	if r, active, err := s.Active(); !active || err != nil || r.ID != id(2) {
		t.Errorf("active: %s %v %v", r.ID, active, err)
	}
	second.State = roll.Aborted
	if err := s.Save(second); err != nil {
		t.Fatal(err)
	}
	if _, active, err := s.Active(); active || err != nil {
		t.Errorf("all have ended: active %v, %v", active, err)
	}
	for _, bad := range []string{"", "../x", "20261120T120000Z", "20261120T120000Z-1/../2", "20261320T120000Z-1", id(1) + "0000000"} {
		if _, err := s.Load(bad); !errors.Is(err, roll.ErrDamaged) {
			t.Errorf("load %q: %v", bad, err)
		}
	}
	if _, err := s.Load(id(9)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("load one that is not there: %v", err)
	}
	if err := s.Save(roll.Roll{}); err == nil {
		t.Error("the zero roll is stored")
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
}

// Whatever lies where rolls should: it is told, hides no other roll, and is not touched.
func TestGarbage(t *testing.T) {
	dir := t.TempDir()
	s := roll.Open(dir)
	good := aRoll(t, id(1), roll.Running)
	if err := s.Save(good); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	rename := func(s string) string { return strings.Replace(s, id(1), id(2), 1) }
	tests := map[string]struct {
		content string
		want    error
	}{
		"empty":            {"", roll.ErrDamaged},
		"zeros":            {strings.Repeat("\x00", 4096), roll.ErrDamaged},
		"half":             {rename(string(text[:len(text)/2])), roll.ErrDamaged},
		"another's":        {string(text), roll.ErrDamaged},
		"unknown key":      {rename(strings.Replace(string(text), `"format":1`, `"format":1,"x":1`, 1)), roll.ErrDamaged},
		"something after":  {rename(string(text)) + "{}", roll.ErrDamaged},
		"unknown state":    {rename(strings.Replace(string(text), `"state":"running"`, `"state":"walking"`, 1)), roll.ErrDamaged},
		"unknown progress": {rename(strings.Replace(string(text), `"state":"pending"`, `"state":"walking"`, 1)), roll.ErrDamaged},
		"hostile name":     {rename(strings.Replace(string(text), `"name":"b"`, `"name":"../b"`, 1)), roll.ErrDamaged},
		"newer and over":   {`{"format":2,"state":"finished"}`, roll.ErrFormat},
		"no object":        {"[]", roll.ErrDamaged},
	}
	for summary, test := range tests {
		path := filepath.Join(dir, id(2)+".json")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(id(2)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", summary, err, test.want)
		}
		if r, active, err := s.Active(); err != nil || !active || r.ID != id(1) {
			t.Errorf("%s hides the other roll: %v %v", summary, active, err)
		}
		if list, err := s.List(); err != nil || len(list) != 2 || list[0].Err == nil || list[1].Err != nil {
			t.Errorf("%s: list is %v, %v", summary, list, err)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != test.content {
			t.Errorf("%s was changed: %v", summary, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, id(3)+".json"), []byte(`{"format":2,"state":"running"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Active(); !errors.Is(err, roll.ErrFormat) {
		t.Errorf("a newer sysctr's roll is under way: %v", err)
	}
}

// Other kinds of files neither hang a reader nor are followed.
func TestStrangeFiles(t *testing.T) {
	dir := t.TempDir()
	s := roll.Open(dir)
	file := func(i int) string { return filepath.Join(dir, id(i)+".json") }
	if err := errors.Join(unix.Mkfifo(file(1), 0o600), os.Symlink("/dev/zero", file(2)), os.Mkdir(file(3), 0o700)); err != nil {
		t.Fatal(err)
	}
	list, err := s.List()
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for _, e := range list {
		if e.Err == nil {
			t.Errorf("%s is a roll", e.ID)
		}
	}
}

func TestMarks(t *testing.T) {
	s := roll.Open(t.TempDir() + "/rolls")
	marks := func() roll.Marks {
		m, err := s.Marks(id(1))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := marks(); !cmp.Equal(m, roll.Marks{}) {
		t.Errorf("nothing asked: %+v", m)
	}
	if err := s.Resume(); !errors.Is(err, roll.ErrNone) {
		t.Errorf("resume nothing: %v", err)
	}
	if err := s.Abort(); !errors.Is(err, roll.ErrNone) {
		t.Errorf("abort nothing: %v", err)
	}
	until := noon().Add(time.Hour)
	plan := newScene(t, nil, nil).plan
	for _, err := range []error{s.Pause(), s.Pause(), s.Hold("web1", until), s.Hold("web2", time.Time{}), s.Unhold("web3"), s.Submit(plan)} {
		if err != nil {
			t.Error(err)
		}
	}
	want := roll.Marks{Paused: true, Plan: true, Holds: map[string]time.Time{"web1": until, "web2": {}}}
	if diff := cmp.Diff(want, marks()); diff != "" {
		t.Error(diff)
	}
	if err := errors.Join(s.Hold("../x", until), s.Unhold("")); err == nil {
		t.Error("a hold of what is no name")
	}
	if err := errors.Join(s.Resume(), s.Unhold("web1"), s.Unhold("web2")); err != nil {
		t.Error(err)
	}
	halted := aRoll(t, id(1), roll.Halted)
	if err := errors.Join(s.Save(halted), s.Resume(), s.Abort()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(roll.Marks{Resume: true, Abort: true, Plan: true}, marks()); diff != "" {
		t.Error(diff)
	}
	if m, err := s.Marks(id(2)); err != nil || m.Resume || m.Abort {
		t.Errorf("marks of one roll are those of another: %+v, %v", m, err)
	}
	circle := newScene(t, nil, nil).plan
	circle.Members[0].Patch.After = []string{"a"}
	if err := s.Submit(circle); !errors.Is(err, roll.ErrCircle) {
		t.Errorf("submit a circle: %v", err)
	}
}

// TestFullDisk: what cannot be stored leaves what was stored before.
func TestFullDisk(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	root := t.TempDir()
	if err := unix.Mount("x", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(root, unix.MNT_DETACH) })
	s := roll.Open(root + "/rolls")
	r := aRoll(t, id(1), roll.Running)
	if err := s.Save(r); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/fill", make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	changed := r
	changed.State = roll.Halted
	for what, err := range map[string]error{"save": s.Save(changed), "submit": s.Submit(newScene(t, nil, nil).plan), "hold": s.Hold("a", noon())} {
		if !errors.Is(err, unix.ENOSPC) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got, err := s.Load(id(1)); err != nil || !cmp.Equal(got, r) {
		t.Errorf("what was stored is %+v, %v", got, err)
	}
	if m, err := s.Marks(id(1)); err != nil || m.Plan || len(m.Holds) > 0 {
		t.Errorf("half of it is there: %+v, %v", m, err)
	}
}

// FuzzDecode: bytes are refused, or are a roll that can be decided about, and is the same when it is stored again.
func FuzzDecode(f *testing.F) {
	text, err := json.Marshal(aRoll(f, id(1), roll.Running))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"id":"20261120T120000Z-001","state":"running","members":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := roll.Decode(data, id(1))
		if err != nil {
			if !errors.Is(err, roll.ErrDamaged) && !errors.Is(err, roll.ErrFormat) {
				t.Fatalf("not a typed error: %v", err)
			}
			return
		}
		roll.Next(r, roll.World{}, noon())
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := roll.Decode(text, id(1))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s\nbecomes\n%s\n%v", text, again, err)
		}
	})
}
