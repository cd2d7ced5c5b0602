package pkgdb

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Database is the package database of one host. All methods only read, and may be called by several goroutines at once.
type Database interface {
	// Name is "dpkg" or "rpm".
	Name() string
	// Paths are the files and directories whose change says: look again. They need not exist. They begin with the host's root as Detect got it.
	Paths() []string
	// Busy says who is at work with the database now. A lock file that is missing is free.
	Busy(ctx context.Context) (Busy, error)
	// Clean returns what was left half done, in the order of the packages; nothing if all is well.
	Clean(ctx context.Context) ([]Problem, error)
	// Packages returns the present packages, sorted by name, architecture and version; rpm may have several versions of one.
	Packages(ctx context.Context) ([]Package, error)
	// Files returns the files of a package that the last call of Packages returned, sorted by path, each once. ErrChanged if the database
	// says something else of it now.
	Files(ctx context.Context, p Package) ([]File, error)
}

// Busy is who holds a lock of the package manager; the zero value: nobody.
type Busy struct {
	Held bool
	PID  int    // 0 if the kernel does not tell: a process of another pid namespace, or a lock that belongs to no process
	Lock string // path of the lock file
}

// Problem is one thing that somebody has to finish before the database says what is true.
type Problem struct {
	Package string // empty: the database as a whole
	Detail  string // for a human: what is the matter, and the command that cures it
}

func (p Problem) String() string {
	if p.Package == "" {
		return p.Detail
	}
	return p.Package + ": " + p.Detail
}

// Package is one present package.
type Package struct {
	Name, Arch, Version string
	Status              string // in the database's own words: "installed", "half-configured"
	Identity            string // digest of all that the database says of it, except what is wanted of it in future
	Content             string // digest that stands for its files: equal contents mean equal Files
}

// File is one path that a package brought; directories are left out as far as the database tells them apart.
type File struct {
	Path     string // absolute, clean, canonical
	Digest   string // "md5:..." or "sha256:..." in lower-case hexadecimal digits, of the bytes as shipped; empty where the database has none
	Conffile bool   // configuration that the operator may edit: the digest is that of the packaged version
}

var (
	// ErrNone says that the host has no package database of a known kind.
	ErrNone = errors.New("no package database of dpkg or rpm found")
	// ErrDamaged says that a database is there and cannot be understood. The message says where.
	ErrDamaged = errors.New("unusable package database")
	// ErrChanged says that the database changed since the last look at its packages: look again.
	ErrChanged = errors.New("the package database changed while it was read")
)

// Detect returns the database of the host below root, "/" in production: dpkg's if there is one, else rpm's. ErrNone if there is neither.
func Detect(root string) (Database, error) {
	for _, open := range []func(string) (Database, error){openDpkg, openRpm} {
		db, err := open(root)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return db, err
		}
	}
	return nil, fmt.Errorf("%w below %s", ErrNone, root)
}
