package pkgdb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// place says where on this host the paths of packages lie.
type place struct {
	aliases    map[string]string    // "/lib" -> "/usr/lib": links to directories at / and in /usr
	diversions map[string]diversion // by canonical path
}

// diversion is one of dpkg-divert(1): every package's file at from lies at to, except that of package by.
type diversion struct{ from, to, by string }

// parseDiversions reads dpkg's list of diversions, three lines each; by is ":" for one of the operator's own.
func parseDiversions(text []byte) ([]diversion, error) {
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	if len(lines)%3 != 0 {
		return nil, fmt.Errorf("%w: diversions have %d lines, which is not three for each", ErrDamaged, len(lines))
	}
	var all []diversion
	for d := range slices.Chunk(lines, 3) {
		from, okFrom := absolute(d[0])
		to, okTo := absolute(d[1])
		if !okFrom || !okTo || d[2] == "" {
			return nil, fmt.Errorf("%w: %q is no diversion", ErrDamaged, d)
		}
		all = append(all, diversion{from, to, d[2]})
	}
	return all, nil
}

// aliases returns the links to directories that stand at / and in /usr below root, as /lib -> /usr/lib on all distributions with a merged /usr.
func aliases(root string) (map[string]string, error) {
	found := map[string]string{}
	for _, dir := range []string{"/", "/usr"} {
		entries, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("look for links of a merged /usr: %w", err)
		}
		for _, e := range entries {
			from := path.Join(dir, e.Name())
			if e.Type()&os.ModeSymlink == 0 {
				continue
			}
			to, err := os.Readlink(filepath.Join(root, from))
			if err != nil {
				return nil, fmt.Errorf("look for links of a merged /usr: %w", err)
			}
			if !path.IsAbs(to) {
				to = path.Join(dir, to)
			}
			to = path.Clean(to)
			if info, err := os.Stat(filepath.Join(root, to)); err == nil && info.IsDir() && to != "/" {
				found[from] = to
			}
		}
	}
	return found, nil
}

// newPlace makes the aliases fit for use with the diversions.
func newPlace(aliases map[string]string, diversions []diversion) place {
	p := place{aliases: aliases, diversions: map[string]diversion{}}
	for _, d := range diversions {
		d.from, d.to = p.unalias(d.from), p.unalias(d.to)
		p.diversions[d.from] = d
	}
	return p
}

// of returns the canonical path of a package's file.
func (p place) of(file, owner string) string {
	file = p.unalias(file)
	if d, ok := p.diversions[file]; ok && d.by != owner {
		return d.to
	}
	return file
}

// maxAliases bounds how many links lead from one path to its canonical one; two on all that is known.
const maxAliases = 8

// unalias follows the aliases that lead to file; one that is the file itself is not followed.
func (p place) unalias(file string) string {
	for range maxAliases {
		next := p.step(file)
		if next == file {
			break
		}
		file = next
	}
	return file
}

func (p place) step(file string) string {
	top := 1 + strings.IndexByte(file[1:], '/')
	if top == 0 {
		return file
	}
	if to, ok := p.aliases[file[:top]]; ok {
		return to + file[top:]
	}
	if second := strings.IndexByte(file[top+1:], '/'); second >= 0 {
		at := top + 1 + second
		if to, ok := p.aliases[file[:at]]; ok {
			return to + file[at:]
		}
	}
	return file
}

// key is the same for places that answer the same, for the packages of one host.
func (p place) key() string {
	var lines []string
	for from, to := range p.aliases {
		lines = append(lines, fmt.Sprintf("%q %q", from, to))
	}
	for from, d := range p.diversions {
		lines = append(lines, fmt.Sprintf("%q %q %q", from, d.to, d.by))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
