package manager

import (
	"context"
	"crypto/md5" //nolint:gosec // it is what dpkg has; equality that counts is one of bytes
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"strings"

	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// Of files that differ from the host's, so many bytes are read to find out where they come from: at most of one, and of all of a delta.
const (
	maxHashed    = 256 << 20
	maxHashedAll = 2 << 30
)

// ask completes the facts with what is known of packages and accounts.
func (h *hunt) ask(ctx context.Context) error {
	var differ []string
	for i := range h.facts {
		f := &h.facts[i]
		if shadow.IsAccounts(f.Path) && f.Is.Kind == delta.File && f.Was.Kind == delta.File && f.Class == delta.Changed {
			f.Lacks = lacking(f)
		}
		if h.Vendors == nil {
			continue
		}
		if f.Host || f.Gone {
			f.Owner, _ = h.Vendors.Owner(f.Path)
		}
		if f.differs() {
			differ = append(differ, f.Path)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	return h.origins(ctx, differ)
}

// origins finds out where the bytes come from that the files at the paths have.
func (h *hunt) origins(ctx context.Context, paths []string) error {
	known, err := h.Vendors.Known(ctx, paths)
	if err != nil && (ctx.Err() != nil || h.Since.Ever()) {
		return err
	} // else it is only not told where some bytes come from
	versions := h.versions()
	left := int64(maxHashedAll)
	for i := range h.facts {
		f := &h.facts[i]
		if !f.differs() {
			continue
		}
		f.Known, f.Version = known[f.Path], versions[f.Owner.Package+":"+f.Owner.Arch]
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(f.Known) > 0 && f.Is.Size <= min(maxHashed, left) {
			left -= f.Is.Size
			if f.Digest, err = digestLike(f.spot.upper, f.spot.rel(f.Path), f.Known[0].Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// differs reports whether it is a file with other bytes than the host's, or one that the host has no more.
func (f fact) differs() bool {
	return f.Is.Kind == delta.File && (f.Host && f.Was.Kind == delta.File && f.Class == delta.Changed || f.Gone)
}

// digestLike returns the digest of a file of a delta in the manner of another digest; "" if the file has gone or it is of no known manner.
func digestLike(dir *beneath.Dir, rel, other string) (string, error) {
	manner, _, _ := strings.Cut(other, ":")
	var sum hash.Hash
	switch manner {
	case "md5":
		sum = md5.New() //nolint:gosec // see above
	case "sha256":
		sum = sha256.New()
	default:
		return "", nil
	}
	file, err := dir.OpenRegular(rel)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, beneath.ErrNotRegular) || errors.Is(err, beneath.ErrLink) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer file.Close()
	if _, err := io.Copy(sum, io.LimitReader(file, maxHashed)); err != nil {
		return "", err
	}
	return manner + ":" + hex.EncodeToString(sum.Sum(nil)), nil
}

// versions are those of the packages in the container's own database, if it has one. One that cannot be read says nothing.
func (h *hunt) versions() map[string]string {
	const status = "/var/lib/dpkg/status"
	s := h.spotOf(status)
	if s.upper == nil {
		return nil
	}
	text, err := s.upper.ReadFile(s.rel(status), shadow.MaxStatus)
	if err != nil {
		return nil
	}
	return shadow.Versions(string(text))
}

// lacking compares accounts. A file that cannot be read lacks everything.
func lacking(f *fact) []string {
	rel := f.spot.rel(f.Path)
	below, err := f.spot.view.Layers[f.from].Dir.ReadFile(rel, shadow.MaxAccounts)
	if err != nil {
		return []string{"(not readable)"}
	}
	own, err := f.spot.upper.ReadFile(rel, shadow.MaxAccounts)
	if err != nil {
		return []string{"(not readable)"}
	}
	return shadow.Lacking(f.Path, below, own)
}
