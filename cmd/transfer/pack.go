package transfer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pack writes the tree of the directory, without the directory itself, to the stream and ends it. Links are written as links. Without
// Archive everything is root's.
func Pack(stream io.Writer, top *os.Root, o Options) (Report, error) {
	p := packer{Options: o, out: tar.NewWriter(stream)}
	err := p.directory(top, "", 0)
	if err == nil {
		err = p.out.Close()
	}
	return p.report, err
}

type packer struct {
	Options
	out    *tar.Writer
	report Report
}

// directory packs what is in dir, whose path in the stream is at.
func (p *packer) directory(dir *os.Root, at string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("pack %.200q: it is too deep", at)
	}
	d, err := descriptor(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		err := p.entry(dir, d, at+e.Name(), e.Name(), depth)
		if err != nil && !e.IsDir() { // of a directory it is told once, where it happened
			err = fmt.Errorf("pack %.200q: %w", at+e.Name(), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry packs one name in dir, which d is the descriptor of.
func (p *packer) entry(dir *os.Root, d *os.File, rel, name string, depth int) error {
	info, err := dir.Lstat(name)
	if err != nil {
		return err
	}
	p.report.Members++
	switch {
	case info.IsDir():
		sub, err := dir.OpenRoot(name)
		if err != nil {
			return err
		}
		defer sub.Close()
		if err := p.head(rel+"/", "", info); err != nil {
			return err
		}
		return p.directory(sub, rel+"/", depth+1)
	case info.Mode().Type() == fs.ModeSymlink:
		target := make([]byte, maxPath)
		n, err := unix.Readlinkat(int(d.Fd()), name, target)
		if err != nil {
			return err
		}
		return p.head(rel, string(target[:n]), info)
	case info.Mode().IsRegular():
		return p.file(dir, rel, name)
	default:
		p.report.skip(rel)
		return nil
	}
}

func (p *packer) head(rel, target string, info fs.FileInfo) error {
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name, h.Uname, h.Gname, h.Format = rel, "", "", tar.FormatPAX
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	if !p.Archive {
		h.Uid, h.Gid = 0, 0
	}
	return p.out.WriteHeader(h)
}

// file packs what is a regular file once it is open: it may have become a pipe since it was listed.
func (p *packer) file(dir *os.Root, rel, name string) error {
	f, err := dir.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		p.report.skip(rel)
		return nil
	}
	if err := p.head(rel, "", info); err != nil {
		return err
	}
	n, err := io.CopyN(p.out, f, info.Size())
	p.report.Bytes += n
	if errors.Is(err, io.EOF) {
		return errors.New("it became shorter while it was read")
	}
	return err
}
