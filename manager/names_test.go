package manager_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// stored makes records of commands below a state directory of the test's own.
func stored(t *testing.T, d lxc.Dirs, first int, names ...string) {
	t.Helper()
	for i, n := range names {
		spec := applied(t, record.Stopped, "tags=front,"+n[:1]).Record.Spec
		r := record.New(n, spec, idrange.Range{Start: uint32(0x70010000 + (first+i)*idrange.Size), Size: idrange.Size}, time.Unix(1, 0))
		if err := record.Open(d.State).Create(r, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPublishNames(t *testing.T) {
	d := lxc.Dirs{State: t.TempDir(), Run: t.TempDir()}
	if words, err := manager.ReadNames(d); err != nil || len(words) != 0 {
		t.Errorf("before anything is published: %q, %v", words, err)
	}
	stored(t, d, 0, "web10", "web2")
	plant(t, filepath.Join(d.State, "containers/broken/record.json"), "{")
	left := filepath.Join(d.Run, ".names.tmp-0123456789abcdef")
	plant(t, left, "of a command that was killed")
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	if err := manager.PublishNames(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what a crash left is there: %v", err)
	}
	st, err := os.Stat(manager.NamesFile(d))
	if err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("the file is %v (%v), want readable for all", st.Mode(), err)
	}
	words, err := manager.ReadNames(d)
	if want := []string{"broken", "web2", "web10", "@front", "@w", "profile:command"}; err != nil || !slices.Equal(words, want) {
		t.Errorf("published are %q (%v), want %q", words, err, want)
	}
}

// Commands that publish at once end with a list that is right, whoever was last.
func TestPublishNamesAtOnce(t *testing.T) {
	d := lxc.Dirs{State: t.TempDir(), Run: t.TempDir()}
	var commands sync.WaitGroup
	names := strings.Fields("a1 a2 a3 a4 a5 a6 a7 a8")
	for i, n := range names {
		stored(t, d, i, n)
		commands.Add(1)
		go func() {
			defer commands.Done()
			if err := manager.PublishNames(t.Context(), d); err != nil {
				t.Error(err)
			}
		}()
	}
	commands.Wait()
	if words, err := manager.ReadNames(d); err != nil || !slices.Equal(words[:min(8, len(words))], names) {
		t.Errorf("published are %q (%v)", words, err)
	}
	if left, err := filepath.Glob(d.Run + "/.*"); err != nil || len(left) > 0 {
		t.Errorf("left are %q (%v)", left, err)
	}
}

func TestReadNamesOfStrangeFiles(t *testing.T) {
	d := lxc.Dirs{State: t.TempDir(), Run: t.TempDir()}
	file := manager.NamesFile(d)
	plant(t, file, "web1\n../etc\n@front\n@\nprofile:\n-x\n\x1b[31m\nprofile:web\n"+strings.Repeat("y", 100000)+"\nafter\n")
	if words, err := manager.ReadNames(d); err != nil || !slices.Equal(words, []string{"web1", "@front", "profile:web"}) {
		t.Errorf("of a strange file it reads %q (%v)", words, err)
	}
	link(t, "/etc/passwd", file)
	if words, err := manager.ReadNames(d); !errors.Is(err, unix.ELOOP) || len(words) > 0 {
		t.Errorf("of a link it reads %q (%v)", words, err)
	}
	if err := errors.Join(os.Remove(file), unix.Mkfifo(file, 0o644)); err != nil {
		t.Fatal(err)
	}
	if words, err := manager.ReadNames(d); err != nil || len(words) > 0 {
		t.Errorf("of a fifo it reads %q (%v)", words, err)
	}
}
