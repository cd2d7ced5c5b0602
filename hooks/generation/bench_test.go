package generation_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// thisMachine is the machine itself, as the host.
func thisMachine(b *testing.B) generation.Source {
	b.Helper()
	db, err := pkgdb.Detect("/")
	if err != nil {
		b.Fatal(err)
	}
	return generation.Source{DB: db, Root: "/", Visible: func(path string, _ bool) bool {
		return strings.HasPrefix(path, "/usr") || strings.HasPrefix(path, "/etc") || strings.HasPrefix(path, "/opt") || strings.HasPrefix(path, "/var")
	}}
}

func open(tb testing.TB, dir string) *generation.Store {
	tb.Helper()
	store, err := generation.Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// spent reports the processor time of an operation too: on a busy machine the other figure says little.
func spent(b *testing.B) (done func()) {
	b.Helper()
	now := func() int64 {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := now()
	return func() { b.ReportMetric(float64(now()-start)/float64(b.N)/1e6, "cpu-ms/op") }
}

func BenchmarkTakeFirst(b *testing.B) {
	source := thisMachine(b)
	defer spent(b)()
	for b.Loop() {
		if _, err := open(b, b.TempDir()).Take(b.Context(), source); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTakeUnchanged(b *testing.B) {
	source, dir := thisMachine(b), b.TempDir()
	paths := 0
	defer spent(b)()
	for b.Loop() {
		s, err := open(b, dir).Take(b.Context(), source)
		if err != nil {
			b.Fatal(err)
		}
		paths = s.Len()
	}
	b.ReportMetric(float64(paths), "paths")
}

func BenchmarkCurrent(b *testing.B) {
	source, store := thisMachine(b), open(b, b.TempDir())
	if _, err := store.Take(b.Context(), source); err != nil {
		b.Fatal(err)
	}
	defer spent(b)()
	for b.Loop() {
		if info, err := store.Current(b.Context(), source); err != nil || info.Number != 1 {
			b.Fatal(info, err)
		}
	}
}

func BenchmarkLoadAndCompare(b *testing.B) {
	source, dir := thisMachine(b), b.TempDir()
	now, err := open(b, dir).Take(b.Context(), source)
	if err != nil {
		b.Fatal(err)
	}
	defer spent(b)()
	for b.Loop() {
		then, err := open(b, dir).Load(b.Context(), now.Number)
		if err != nil {
			b.Fatal(err)
		}
		generation.Compare(then, now)
	}
}
