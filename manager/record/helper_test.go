package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// TestMain lets a test run this binary as another process: RECORD_TEST_HELPER says as which, the arguments are in RECORD_TEST_DIR.
func TestMain(m *testing.M) {
	dir := os.Getenv("RECORD_TEST_DIR")
	switch os.Getenv("RECORD_TEST_HELPER") {
	case "":
		os.Exit(m.Run())
	case "create":
		createAndDie(dir)
	case "churn":
		churn(dir)
	case "lock":
		holdLock(record.OpenLocks(filepath.Join(dir, "lock")))
	case "inherit":
		holdLock(record.LocksFromFile(os.NewFile(3, "lock")), nil)
	case "limit":
		writeUnderLimit(filepath.Join(dir, "file"))
	}
}

// helper returns a command that runs this binary as a helper.
func helper(t testing.TB, what, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORD_TEST_HELPER="+what, "RECORD_TEST_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(3)
}

// systemSpec is the built-in default profile's.
func systemSpec(t testing.TB) profiles.Spec {
	t.Helper()
	spec, err := profiles.Open(t.TempDir()).Resolve("system", nil)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// rangeAt is the nth range of the default pool.
func rangeAt(n int) idrange.Range {
	pool := idrange.Default()
	return idrange.Range{Start: pool.Start + uint32(n)*idrange.Size, Size: idrange.Size}
}

// newRecord is a valid record of a private container with the nth range.
func newRecord(t testing.TB, name string, n int) record.Record {
	t.Helper()
	return record.New(name, systemSpec(t), rangeAt(n), time.Now())
}

// create makes a container with a delta in the store.
func create(t testing.TB, s record.Store, name string, n int) record.Record {
	t.Helper()
	r := newRecord(t, name, n)
	if err := s.Create(r, makeDelta); err != nil {
		t.Fatal(err)
	}
	return r
}

func makeDelta(dir string) error {
	return os.MkdirAll(filepath.Join(dir, "delta", "upper"), 0o755)
}

// tree returns every name below dir, sorted, directories with a slash.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	names := []string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		if entry.IsDir() {
			name += "/"
		}
		names = append(names, name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(names)
	return names
}

// put writes a file and the directories above it.
func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// createAndDie kills itself in the middle of a creation.
func createAndDie(root string) {
	spec, err := profiles.Open(root).Resolve("system", nil)
	if err != nil {
		fail(err)
	}
	err = record.Open(root).Create(record.New("web1", spec, rangeAt(1), time.Now()), func(dir string) error {
		if err := makeDelta(dir); err != nil {
			return err
		}
		return unix.Kill(os.Getpid(), unix.SIGKILL)
	})
	fail(err)
}

// churn creates, replaces and destroys containers until it is killed.
func churn(root string) {
	spec, err := profiles.Open(root).Resolve("system", nil)
	if err != nil {
		fail(err)
	}
	s := record.Open(root)
	fmt.Println("begun")
	for {
		var records []record.Record
		for i := range 6 {
			records = append(records, record.New(fmt.Sprint("web", i), spec, rangeAt(i+1), time.Now()))
		}
		errs := s.CreateMany(records, func(_ record.Record, dir string) error { return makeDelta(dir) })
		for _, r := range records {
			r.Spec.Priority = 90
			errs = append(errs, s.Replace(r))
			trash, err := s.Discard(r.Name)
			errs = append(errs, err, s.Purge(trash))
		}
		if err := errors.Join(errs...); err != nil {
			fail(err)
		}
	}
}
