package manager

import (
	"context"
	"crypto/md5" //nolint:gosec // what dpkg keeps; nothing is decided by it
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/manager/shadow"
)

// ErrNoPath says that nothing is known of what was asked about.
var ErrNoPath = errors.New("no path of the host or the container, and no package of the host")

// Explanation says where one path of a container comes from, and what would change that.
type Explanation struct {
	Path    string
	Layer   string // "base", or shadow.Delta or shadow.Seed
	Package string // who has the path on the host now, in Version
	Version string
	Old     string // the version of the package that the container was mounted with, "" if it does not run or it was no other
	HostIno uint64 // 0: the host has no such path
	Host    string // "md5:…" of the host's bytes, "" for what is no file
	SeenIno uint64 // of a lookup in the container that is not the host's; 0: it is, or there is none
	Seen    string // the digest that the old package gave what is seen, "" if that is not known
	Reasons []patch.Reason
	Shadow  *shadow.Shadow // what is in the way in delta or seed, if anything is
}

// maxWhy bounds the paths of one answer about a package.
const maxWhy = 1000

// Why explains a path of a container, or those files of a package that are reasons for its verdict, of which there may be none.
func (m *Manager) Why(ctx context.Context, c Container, what string) (Judged, []Explanation, error) {
	i, err := m.inspector(ctx)
	if err != nil {
		return Judged{}, nil, err
	}
	found, err := i.judge(ctx, []Container{c})
	if err != nil {
		return Judged{}, nil, err
	}
	paths, err := i.asked(found[0], what)
	if err != nil {
		return found[0], nil, err
	}
	layers, err := m.Shadows(ctx, c.Name, Look{Since: shadow.Ever(), Vendors: Archive{Store: i.store, Now: i.now}, All: true})
	if err != nil {
		return found[0], nil, err
	}
	all := make([]Explanation, len(paths))
	for n, p := range paths {
		if all[n], err = i.explain(ctx, c, found[0], p, layers); err != nil {
			return found[0], nil, err
		}
	}
	return found[0], all, nil
}

// asked are the paths that an operator means.
func (i *inspector) asked(j Judged, what string) ([]string, error) {
	if strings.HasPrefix(what, "/") {
		return []string{path.Clean(what)}, nil
	}
	var paths []string
	for _, r := range j.Reasons {
		if r.Package == what && r.Path != "" && len(paths) < maxWhy {
			paths = append(paths, r.Path)
		}
	}
	slices.Sort(paths)
	for _, p := range i.now.Packages() {
		if p.Name == what {
			return slices.Compact(paths), nil
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoPath, what)
	}
	return slices.Compact(paths), nil
}

func (i *inspector) explain(ctx context.Context, c Container, j Judged, p string, layers []shadow.Shadow) (Explanation, error) {
	e := Explanation{Path: p, Layer: "base"}
	for _, s := range layers {
		if s.Path == p || strings.HasPrefix(p, s.Path+"/") { // an ancestor may be in the way
			e.Layer, e.Shadow = s.Layer, &s
		}
	}
	for _, r := range j.Reasons {
		if r.Path == p || slices.Contains(belowOf(e.Shadow), p) {
			e.Reasons = append(e.Reasons, r)
		}
	}
	if owner, ok := i.now.Owner(p); ok {
		e.Package, e.Version = owner.Name, owner.Version
	}
	host, ok := i.now.File(p)
	if ok {
		e.HostIno = host.Ino
		if host.Type == unix.S_IFREG {
			digest, err := digestOf(p)
			if err != nil {
				return e, err
			}
			e.Host = digest
		}
	} else if e.Shadow == nil && len(e.Reasons) == 0 {
		return e, fmt.Errorf("%w: %q", ErrNoPath, p)
	}
	if c.Status.State != record.Stopped {
		i.compare(ctx, c, j, &e)
	}
	return e, nil
}

// compare looks the path up in the container.
func (i *inspector) compare(ctx context.Context, c Container, j Judged, e *Explanation) {
	changed := evidence.Changed{Path: e.Path, Now: evidence.Host{Path: e.Path}}
	if is, ok := i.now.File(e.Path); ok {
		changed.Now = hostFile(e.Path, is)
	}
	if old, err := i.store.Load(ctx, j.Generation); err == nil {
		if was, ok := old.File(e.Path); ok {
			e.Seen = was.Digest
		}
		if owner, ok := old.Owner(e.Path); ok && owner.Version != e.Version {
			e.Old = owner.Version
		}
	}
	report := evidence.Look(ctx, i.Looker, []evidence.Subject{subjectOf(c)}, []evidence.Changed{changed}, evidence.Options{})[c.Name]
	for _, f := range report.Findings {
		if f.Path == e.Path && f.PID == 0 {
			e.SeenIno = f.SeenIno
		}
	}
	if e.SeenIno == 0 || e.Layer != "base" {
		e.Seen = ""
	}
}

func belowOf(s *shadow.Shadow) []string {
	if s == nil {
		return nil
	}
	return append([]string{s.Path}, s.Below...)
}

// digestOf returns the digest of a file of the host.
func digestOf(p string) (digest string, err error) {
	file, err := os.OpenFile(p, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("read the host's file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := md5.New() //nolint:gosec // see the import
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read the host's file: %w", err)
	}
	return "md5:" + hex.EncodeToString(sum.Sum(nil)), nil
}
