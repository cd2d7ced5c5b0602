package pkgdb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// dpkg reads dpkg's own files, dpkg(1) and deb-old(5), without running dpkg.
type dpkg struct {
	root, dir string

	mu    sync.Mutex
	place place
	at    []byte            // key of the place
	seen  map[string]stanza // by name:arch, of the last Packages
}

func openDpkg(root string) (Database, error) {
	dir := filepath.Join(root, "var/lib/dpkg")
	if _, err := os.Stat(filepath.Join(dir, "status")); err != nil {
		return nil, fmt.Errorf("look for dpkg's database: %w", err)
	}
	return &dpkg{root: root, dir: dir}, nil
}

func (d *dpkg) Name() string { return "dpkg" }

// Paths: dpkg replaces its files by rename, so a directory's time changes with them.
func (d *dpkg) Paths() []string {
	return []string{d.path("status"), d.path("updates"), d.path("info"), d.path("diversions")}
}

func (d *dpkg) path(name string) string { return filepath.Join(d.dir, name) }

// Busy looks at both locks: apt holds the first for a whole run, dpkg the second, which is free between two of apt's steps.
func (d *dpkg) Busy(context.Context) (Busy, error) {
	return anyHeld([]string{d.path("lock-frontend"), d.path("lock")})
}

func (d *dpkg) Clean(context.Context) ([]Problem, error) {
	var found []Problem
	entries, err := os.ReadDir(d.path("updates"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for dpkg's journal: %w", err)
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" { // anything else is a temporary file, which dpkg ignores
			found = append(found, Problem{Detail: "dpkg was interrupted; run dpkg --configure -a"})
			break
		}
	}
	all, err := d.status()
	for _, s := range all {
		if detail := s.problem(); detail != "" {
			found = append(found, Problem{Package: s.name, Detail: detail})
		}
	}
	return found, err
}

// status returns the stanzas, sorted by name and architecture.
func (d *dpkg) status() ([]stanza, error) {
	text, err := readFile(d.path("status"))
	if err != nil {
		return nil, err
	}
	all, err := parseStatus(text)
	slices.SortFunc(all, func(a, b stanza) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.arch, b.arch)) })
	return all, err
}

func (d *dpkg) Packages(ctx context.Context) ([]Package, error) {
	all, err := d.status()
	if err != nil {
		return nil, err
	}
	where, err := d.look()
	if err != nil {
		return nil, err
	}
	packages := make([]Package, 0, len(all))
	seen := make(map[string]stanza, len(all))
	at := []byte(where.key())
	for _, s := range all {
		if !s.present() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p, err := d.identify(s, at)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
		seen[s.name+":"+s.arch] = s
	}
	d.mu.Lock()
	d.place, d.at, d.seen = where, at, seen
	d.mu.Unlock()
	return packages, nil
}

// identify reads what the info directory has of a package.
func (d *dpkg) identify(s stanza, where []byte) (Package, error) {
	p := Package{Name: s.name, Arch: s.arch, Version: s.version, Status: s.state}
	list, sums, err := d.lists(p)
	p.Identity = digest(s.text, sums)
	p.Content = digest(s.text, sums, list, where)
	return p, err
}

func (d *dpkg) lists(p Package) (list, sums []byte, err error) {
	list, err = d.info(p, "list")
	if err != nil {
		return nil, nil, err
	}
	sums, err = d.info(p, "md5sums")
	return list, sums, err
}

// look reads where the files of packages lie.
func (d *dpkg) look() (place, error) {
	text, err := readFile(d.path("diversions"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return place{}, err
	}
	diversions, err := parseDiversions(text)
	if err != nil {
		return place{}, err
	}
	links, err := aliases(d.root)
	return newPlace(links, diversions), err
}

// info reads a package's file of the info directory: NAME:ARCH.KIND where several architectures may be installed side by side, else NAME.KIND;
// empty if there is none.
func (d *dpkg) info(p Package, kind string) ([]byte, error) {
	text, err := readFile(d.path("info/" + p.Name + "." + kind))
	if errors.Is(err, os.ErrNotExist) {
		text, err = readFile(d.path("info/" + p.Name + ":" + p.Arch + "." + kind))
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func (d *dpkg) Files(_ context.Context, p Package) ([]File, error) {
	d.mu.Lock()
	where, at, seen := d.place, d.at, d.seen[p.Name+":"+p.Arch]
	d.mu.Unlock()
	list, sums, err := d.lists(p)
	if err != nil {
		return nil, err
	}
	if digest(seen.text, sums, list, at) != p.Content {
		return nil, fmt.Errorf("files of %s: %w", p.Name, ErrChanged)
	}
	return assemble(p.Name, where, parseList(list), parseMD5Sums(sums), seen.conffiles), nil
}

// assemble brings together what the three lists say of a package's files. It is pure.
func assemble(owner string, where place, list []string, sums, conffiles []File) []File {
	files := make(map[string]File, len(list))
	parents := map[string]bool{}
	for _, shipped := range list {
		p := where.of(shipped, owner)
		files[p] = File{Path: p}
		parents[path.Dir(shipped)], parents[path.Dir(p)] = true, true
	}
	for dir := range parents { // what has other paths of the list below it is a directory
		delete(files, dir)
	}
	for _, known := range [][]File{sums, conffiles} {
		for _, f := range known {
			f.Path = where.of(f.Path, owner)
			files[f.Path] = f
		}
	}
	all := make([]File, 0, len(files))
	for _, f := range files {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// digest returns the SHA-256 of the parts, each with its length, in hexadecimal digits.
func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\n", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// maxFile bounds one file of the database: the status of 5000 packages has 6 MB, the largest known list of one package some 5 MB.
const maxFile = 64 << 20

// readFile reads a regular file of at most maxFile bytes.
func readFile(name string) ([]byte, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s is no file of at most %d bytes", ErrDamaged, name, maxFile)
	}
	text := make([]byte, info.Size())
	_, err = io.ReadFull(file, text)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: %w", name, ErrChanged)
	}
	return text, err
}
