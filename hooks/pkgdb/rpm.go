package pkgdb

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// rpm asks the host's own rpm(8): its database has had three formats, and only rpm reads them all.
type rpm struct {
	root, dir string

	mu    sync.Mutex
	place place
	files map[string][]File // by Content, of the last Packages; nil until the first Files
	seen  map[string]string // Content by instance
}

// rpmDirs are where the database is; the first on new systems, where the second is a link to it.
func rpmDirs() []string { return []string{"usr/lib/sysimage/rpm", "var/lib/rpm"} }

// rpmFiles are the files of the database in its formats: sqlite with its journal, ndb, Berkeley DB.
func rpmFiles() []string {
	return []string{"rpmdb.sqlite", "rpmdb.sqlite-wal", "Packages.db", "Packages"}
}

func openRpm(root string) (Database, error) {
	for _, dir := range rpmDirs() {
		for _, name := range rpmFiles() {
			if _, err := os.Stat(filepath.Join(root, dir, name)); err == nil {
				return &rpm{root: root, dir: filepath.Join(root, dir)}, nil
			}
		}
	}
	return nil, fmt.Errorf("look for rpm's database: %w", os.ErrNotExist)
}

func (r *rpm) Name() string { return "rpm" }

func (r *rpm) Paths() []string {
	var all []string
	for _, name := range rpmFiles() {
		all = append(all, filepath.Join(r.dir, name))
	}
	return all
}

// Busy looks at the lock that rpm holds while it changes anything; so do all that use its library.
func (r *rpm) Busy(context.Context) (Busy, error) {
	return anyHeld([]string{filepath.Join(r.dir, ".rpm.lock")})
}

// Clean: rpm keeps no word of what it left half done.
func (r *rpm) Clean(context.Context) ([]Problem, error) { return nil, nil }

func (r *rpm) Packages(ctx context.Context) ([]Package, error) {
	links, err := aliases(r.root)
	if err != nil {
		return nil, err
	}
	text, err := r.query(ctx, packageFormat())
	if err != nil {
		return nil, err
	}
	where := newPlace(links, nil)
	found, err := parseRpmPackages(text, where.key())
	if err != nil {
		return nil, err
	}
	packages, seen := make([]Package, 0, len(found)), make(map[string]string, len(found))
	for instance, p := range found {
		packages = append(packages, p)
		seen[instance] = p.Content
	}
	slices.SortFunc(packages, comparePackages)
	r.mu.Lock()
	r.place, r.seen, r.files = where, seen, nil
	r.mu.Unlock()
	return packages, nil
}

func comparePackages(a, b Package) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Identity, b.Identity))
}

// Files reads the files of all packages at once, when it is asked first after Packages: one rpm for each package would take minutes.
func (r *rpm) Files(ctx context.Context, p Package) ([]File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.files == nil {
		text, err := r.query(ctx, fileFormat())
		if err != nil {
			return nil, err
		}
		byInstance, err := parseRpmFiles(text, r.place)
		if err != nil {
			return nil, err
		}
		r.files = map[string][]File{}
		for instance, content := range r.seen {
			r.files[content] = byInstance[instance]
		}
	}
	files, ok := r.files[p.Content]
	if !ok {
		return nil, fmt.Errorf("files of %s: %w", p.Name, ErrChanged)
	}
	return files, nil
}

const (
	queryTime = time.Minute // for one run of rpm; some seconds are usual with cold disks
	queryMax  = 256 << 20   // bytes of its answer; 5000 packages have 80 MB
)

// query runs rpm over all packages.
func (r *rpm) query(ctx context.Context, format string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "rpm", "--dbpath", dir, "-qa", "--nodigest", "--nosignature", "--qf", format)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/nonexistent"} // nobody's ~/.rpmmacros
	cmd.WaitDelay = time.Second
	out, complaints := &limited{left: queryMax}, &limited{left: 4096}
	cmd.Stdout, cmd.Stderr = out, complaints
	if err := cmd.Run(); err != nil {
		said := strings.TrimSpace(complaints.buf.String())
		if errors.Is(err, exec.ErrNotFound) {
			said = "install rpm"
		}
		return nil, fmt.Errorf("ask rpm for its packages: %w: %s", errors.Join(err, context.Cause(ctx)), said)
	}
	return out.buf.Bytes(), nil
}

// limited keeps what is written to it, and refuses more than a number of bytes: the writer is then killed or sees a closed pipe.
type limited struct {
	buf  bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("the answer is too long")
	}
	return l.buf.Write(p)
}
