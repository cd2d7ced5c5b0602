package pkgdb_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// manager is a real package manager that works on a root of the test's own.
type manager interface {
	name() string
	root() string
	// build makes a package and returns its file. It brings /usr/bin/NAME with the text, a link to it, and /etc/NAME.conf with the version.
	build(t *testing.T, b built) string
	install(file string) *exec.Cmd
	remove(name string) *exec.Cmd
}

type built struct {
	name, version, text string
	pause               *gate // its script waits there while it is being installed
}

// gate stops a program at a place: it says that it is there, and waits until it may go on.
type gate struct {
	arrived, leave *os.File
	dir            string
}

// newGate makes the two FIFOs in a directory that the program can see.
func newGate(t *testing.T, dir string) *gate {
	t.Helper()
	g := &gate{dir: dir}
	for name, file := range map[string]**os.File{"arrived": &g.arrived, "leave": &g.leave} {
		path := filepath.Join(dir, name)
		must(t, unix.Mkfifo(path, 0o600))
		// For both: so neither end ever waits for the other to open it.
		fifo, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		t.Cleanup(func() { fifo.Close() })
		*file = fifo
	}
	return g
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// paused runs cmd until it is at the gate, calls inside, and lets it go to its end.
func paused(t *testing.T, cmd *exec.Cmd, g *gate, inside func()) {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	ended, arrived := make(chan error, 1), make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	go func() {
		_, err := g.arrived.Read(make([]byte, 1))
		arrived <- err
	}()
	select {
	case err := <-ended:
		t.Fatalf("%s ended before it was at the gate: %v\n%s", cmd, err, out.String())
	case err := <-arrived:
		must(t, err)
	}
	inside()
	_, err := g.leave.WriteString("\n")
	must(t, err)
	if err := <-ended; err != nil {
		t.Errorf("%s: %v\n%s", cmd, err, out.String())
	}
}

func detect(t *testing.T, m manager) pkgdb.Database {
	t.Helper()
	db, err := pkgdb.Detect(m.root())
	must(t, err)
	if db.Name() != m.name() {
		t.Fatalf("Detect found %s, want %s", db.Name(), m.name())
	}
	return db
}

// only returns the one package there is.
func only(t *testing.T, db pkgdb.Database) pkgdb.Package {
	t.Helper()
	all, err := db.Packages(t.Context())
	must(t, err)
	if len(all) != 1 {
		t.Fatalf("%d packages, want one: %v", len(all), all)
	}
	return all[0]
}

// signature is what stat says of the database's paths.
func signature(t *testing.T, db pkgdb.Database) string {
	t.Helper()
	var all strings.Builder
	for _, path := range db.Paths() {
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err == nil && (st.Size > 0 || st.Mode&unix.S_IFMT == unix.S_IFDIR) {
			fmt.Fprintln(&all, path, st.Ino, st.Size, st.Ctim)
		}
	}
	return all.String()
}

func TestDpkgSuite(t *testing.T) {
	need.Root(t)
	need.Command(t, "dpkg-deb", "it is part of dpkg")
	suite(t, func(t *testing.T) manager { return newDpkg(t) })
}

func TestRpmSuite(t *testing.T) {
	need.Root(t)
	need.Command(t, "rpm", "install rpm")
	need.Command(t, "rpmbuild", "install rpm")
	suite(t, func(t *testing.T) manager { return newRpm(t) })
}

// suite is what every database owes its callers, on the real thing.
func suite(t *testing.T, start func(t *testing.T) manager) {
	t.Run("files", func(t *testing.T) { suiteFiles(t, start(t)) })
	t.Run("identity", func(t *testing.T) { suiteIdentity(t, start(t)) })
	t.Run("busy", func(t *testing.T) { suiteBusy(t, start(t)) })
	t.Run("ended", func(t *testing.T) { suiteEnded(t, start(t)) })
}

func suiteFiles(t *testing.T, m manager) {
	run(t, m.install(m.build(t, built{name: "hello", version: "1.0", text: "one"})))
	db := detect(t, m)
	p := only(t, db)
	if p.Name != "hello" || !strings.HasPrefix(p.Version, "1.0") || p.Status != "installed" || p.Identity == "" || p.Content == "" {
		t.Errorf("package %+v", p)
	}
	got, err := db.Files(t.Context(), p)
	must(t, err)
	sum := func(text string) string {
		if m.name() == "rpm" {
			return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
		}
		return fmt.Sprintf("md5:%x", md5.Sum([]byte(text)))
	}
	want := []pkgdb.File{
		{Path: "/etc/hello.conf", Digest: sum("1.0\n"), Conffile: true},
		{Path: "/usr/bin/hello", Digest: sum("one\n")},
		{Path: "/usr/bin/hello-link"},
		{Path: "/usr/lib/hello.so", Digest: sum("one\n")}, // brought as /lib/hello.so
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	problems, err := db.Clean(t.Context())
	if len(problems) != 0 || err != nil {
		t.Errorf("Clean = %v, %v", problems, err)
	}
	run(t, m.remove("hello"))
	if _, err := db.Packages(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Files(t.Context(), p); !errors.Is(err, pkgdb.ErrChanged) {
		t.Errorf("files of a package that is gone: %v", err)
	}
}

func suiteIdentity(t *testing.T, m manager) {
	one := m.build(t, built{name: "hello", version: "1.0", text: "one"})
	run(t, m.install(one))
	db := detect(t, m)
	first, before := only(t, db), signature(t, db)
	if signature(t, db) != before {
		t.Error("a look changes the signature")
	}
	run(t, m.install(one))
	if again := only(t, db); again != first {
		t.Errorf("the same package installed again is\n%+v, and was\n%+v", again, first)
	}
	if signature(t, db) == before {
		t.Error("an installation does not change the signature")
	}
	run(t, m.install(m.build(t, built{name: "hello", version: "1.0", text: "other"})))
	other := only(t, db)
	if other.Version != first.Version || other.Identity == first.Identity || other.Content == first.Content {
		t.Errorf("the same version with other bytes is\n%+v, and was\n%+v", other, first)
	}
	run(t, m.install(m.build(t, built{name: "hello", version: "2.0", text: "other"})))
	if up := only(t, db); !strings.HasPrefix(up.Version, "2.0") || up.Identity == other.Identity {
		t.Errorf("an upgrade to 2.0: %+v", up)
	}
	run(t, m.install(one)) // back
	if down := only(t, db); down != first {
		t.Errorf("a downgrade to what was there is\n%+v, and was\n%+v", down, first)
	}
}

func suiteBusy(t *testing.T, m manager) {
	run(t, m.install(m.build(t, built{name: "other", version: "1", text: "x"})))
	db := detect(t, m)
	free := func(when string) {
		t.Helper()
		if busy, err := db.Busy(t.Context()); busy != (pkgdb.Busy{}) || err != nil {
			t.Errorf("%s: Busy = %+v, %v", when, busy, err)
		}
	}
	free("before")
	g := newGate(t, m.root())
	cmd := m.install(m.build(t, built{name: "hello", version: "1", text: "x", pause: g}))
	paused(t, cmd, g, func() {
		for range 3 { // looking takes no lock, nor does it release one
			busy, err := db.Busy(t.Context())
			if !busy.Held || busy.PID != cmd.Process.Pid || !strings.HasPrefix(busy.Lock, m.root()) || err != nil {
				t.Errorf("while process %d works: Busy = %+v, %v", cmd.Process.Pid, busy, err)
			}
		}
	})
	free("after")
}

// suiteEnded: a caller that does not want to wait any more gets an error.
func suiteEnded(t *testing.T, m manager) {
	run(t, m.install(m.build(t, built{name: "hello", version: "1", text: "x"})))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := detect(t, m).Packages(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Packages = %v", err)
	}
}

func TestDetectNone(t *testing.T) {
	if _, err := pkgdb.Detect(t.TempDir()); !errors.Is(err, pkgdb.ErrNone) {
		t.Errorf("Detect = %v", err)
	}
}
