package manager_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// heard is a manager over empty directories, one container of it, and that container's own directory.
func heard(t *testing.T) (*manager.Manager, manager.Container, string) {
	t.Helper()
	dirs := lxc.Dirs{State: t.TempDir(), Run: t.TempDir()}
	m := &manager.Manager{Config: manager.Config{Dirs: dirs}}
	c := manager.Container{Name: "a1", Record: record.Record{
		Name: "a1", MachineID: "0123456789abcdef0123456789abcdef", Range: idrange.Range{Start: 0x70010000, Size: 65536},
	}}
	dir := filepath.Dir(dirs.Delta(c.Name))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return m, c, dir
}

// put makes a file that appears whole: whoever follows it must not see it empty.
func put(t *testing.T, path, text string) {
	t.Helper()
	temp := path + ".new"
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(temp, []byte(text), 0o600), os.Rename(temp, path))
	if err != nil {
		t.Fatal(err)
	}
}

func TestConsole(t *testing.T) {
	for _, test := range []struct {
		summary, older, newer string
		lines                 int
		want                  string
	}{
		{"all", "a\nb\n", "c\nd\n", 0, "a\nb\nc\nd\n"},
		{"the last", "a\nb\n", "c\nd\n", 1, "d\n"},
		{"over both files", "a\nb\n", "c\nd\n", 3, "b\nc\nd\n"},
		{"more than there are", "a\n", "b\n", 9, "a\nb\n"},
		{"a line cut by the change of files", "a\nb", "c\nd", 2, "bc\nd"},
		{"empty lines", "", "\n\n\n", 2, "\n\n"},
		{"nothing", "", "", 5, ""},
	} {
		t.Run(test.summary, func(t *testing.T) {
			m, c, dir := heard(t)
			put(t, filepath.Join(dir, "console.log.1"), test.older)
			put(t, filepath.Join(dir, "console.log"), test.newer)
			var b bytes.Buffer
			if err := m.Console(c, test.lines, &b); err != nil || b.String() != test.want {
				t.Errorf("Console = %q, %v; want %q", &b, err, test.want)
			}
		})
	}
	m, c, _ := heard(t)
	if err := m.Console(c, 1, &bytes.Buffer{}); !errors.Is(err, manager.ErrNoConsole) {
		t.Errorf("Console of what never started: %v", err)
	}
}

// growing is a buffer that several goroutines may use.
type growing struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (g *growing) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(b)
}

func (g *growing) sees(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		g.mu.Lock()
		got := g.b.String()
		g.mu.Unlock()
		if got == want {
			return
		}
	}
	t.Fatalf("it never was %q but %q", want, g.b.String())
}

// A console that is followed begins before there is one and goes on over the change of files.
func TestFollowConsole(t *testing.T) {
	m, c, dir := heard(t)
	file := filepath.Join(dir, "console.log")
	ctx, cancel := context.WithCancel(t.Context())
	var got growing
	ended := make(chan error, 1)
	go func() { ended <- m.FollowConsole(ctx, c, 1, &got) }()
	put(t, file, "a\nb\n")
	got.sees(t, "b\n")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, step := range []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := f.WriteString("c\n"); return err }, "b\nc\n"},
		{func() error { return os.Rename(file, file+".1") }, "b\nc\n"},
		{func() error { _, err := f.WriteString("d\n"); return err }, "b\nc\nd\n"},
		{func() error { return os.WriteFile(file, []byte("e\n"), 0o600) }, "b\nc\nd\ne\n"},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		got.sees(t, step.want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("FollowConsole: %v", err)
	}
}

// What lies where the journal should be is whatever container root has put there.
func TestJournalIsHostile(t *testing.T) {
	need.Root(t)
	need.Command(t, "journalctl", "install systemd")
	own := func(path string) error { return os.Chown(path, 0x70010000, 0x70010000) }
	secret := filepath.Join(t.TempDir(), "secret")
	put(t, secret, "the host's own words")
	for _, test := range []struct {
		summary string
		make    func(dir string) error
		none    bool // there is no journal; else reading it may succeed or fail
	}{
		{"nothing", func(string) error { return nil }, true},
		{"a FIFO", func(dir string) error { return unix.Mkfifo(dir+"/system.journal", 0o644) }, true},
		{"a link to a file of the host", func(dir string) error { return os.Symlink(secret, dir+"/system.journal") }, true},
		{"a directory", func(dir string) error { return os.Mkdir(dir+"/system.journal", 0o755) }, true},
		{"a device", func(dir string) error {
			return unix.Mknod(dir+"/system.journal", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5)))
		}, true},
		{"a link in place of the directory", func(dir string) error {
			return errors.Join(os.Remove(dir), os.Symlink(filepath.Dir(secret), dir))
		}, true},
		{"a file of another's", func(dir string) error { return os.WriteFile(dir+"/system.journal", []byte("x"), 0o600) }, true},
		{"another name", func(dir string) error { return os.WriteFile(dir+"/notes", []byte("x"), 0o644) }, true},
		{"an empty file", func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/system.journal", nil, 0o600), own(dir+"/system.journal"))
		}, false},
		{"a file as large as can be", func(dir string) error {
			return errors.Join(os.WriteFile(dir+"/system.journal", []byte("LPKSHHRH"), 0o600), os.Truncate(dir+"/system.journal", 1<<42),
				own(dir+"/system.journal"))
		}, false},
		{"a thousand files", func(dir string) error {
			var errs []error
			for i := range 1000 {
				name := filepath.Join(dir, strings.Repeat("x", i%200)+string(rune('a'+i%26))+".journal")
				errs = append(errs, os.WriteFile(name, []byte("LPKSHHRH garbage"), 0o600), own(name))
			}
			return errors.Join(errs...)
		}, false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			m, c, dir := heard(t)
			journal := filepath.Join(dir, "delta/upper/var/log/journal", c.Record.MachineID)
			if err := errors.Join(os.MkdirAll(journal, 0o755), test.make(journal)); err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			begun := time.Now()
			cursor, err := m.Journal(t.Context(), c, manager.JournalQuery{Lines: 10}, &b)
			if test.none != errors.Is(err, manager.ErrNoJournal) || cursor != "" || b.Len() > 0 {
				t.Errorf("Journal = %q, %v; it wrote %q", cursor, err, &b)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// The end of the journal's output is told from a cursor wherever the output is cut.
func TestLastLine(t *testing.T) {
	for _, test := range []struct{ in, want, cursor string }{
		{"a\nb\n-- cursor: s=1;i=2\n", "a\nb\n", "s=1;i=2"},
		{"-- cursor: s=1\n", "", "s=1"},
		{"-- cursor: forged\n-- cursor: s=1\n", "-- cursor: forged\n", "s=1"},
		{"a\nb\n", "a\nb\n", ""},
		{"a", "a", ""},
		{"", "", ""},
	} {
		for cut := range len(test.in) + 1 {
			var b bytes.Buffer
			cursor, err := manager.LastLine(&b, test.in[:cut], test.in[cut:])
			if err != nil || b.String() != test.want || cursor != test.cursor {
				t.Errorf("%q cut at %d: %q and cursor %q, %v", test.in, cut, &b, cursor, err)
			}
		}
	}
}
