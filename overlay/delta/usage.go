package delta

import (
	"context"
	"fmt"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Usage is what a tree takes. A file with several names counts once.
type Usage struct {
	Apparent int64 // bytes that its files and links claim to have
	Disk     int64 // bytes allocated, with those of directories
	Inodes   int64 // with the top directory
	// Rough says that there were too many files with several names to tell all of them apart, and that some of them counted twice.
	Rough bool
}

// Plus is the sum of both.
func (u Usage) Plus(o Usage) Usage {
	return Usage{Apparent: u.Apparent + o.Apparent, Disk: u.Disk + o.Disk, Inodes: u.Inodes + o.Inodes, Rough: u.Rough || o.Rough}
}

// PointUsage is what the layer over one host filesystem takes.
type PointUsage struct {
	Point       string
	Upper, Work Usage
}

// Parts is what a whole delta takes, part by part.
type Parts struct {
	Points         []PointUsage // in the order of Points
	Trash, Reserve Usage
}

// Total is the sum of all parts.
func (p Parts) Total() Usage {
	sum := p.Trash.Plus(p.Reserve)
	for _, point := range p.Points {
		sum = sum.Plus(point.Upper).Plus(point.Work)
	}
	return sum
}

// Usage measures the delta; the container may run. A file with names in several parts counts in the first of them: the uppers, then the trash.
func (d *Delta) Usage(ctx context.Context) (Parts, error) {
	points, err := d.Points()
	if err != nil {
		return Parts{}, err
	}
	m := meter{delta: d, links: links{}}
	var u Parts
	for _, point := range points {
		p := PointUsage{Point: point, Upper: m.measure(ctx, upper(point))}
		p.Work = m.measure(ctx, work(point))
		u.Points = append(u.Points, p)
	}
	u.Trash = m.measure(ctx, trashDir)
	u.Reserve = m.measure(ctx, reserveDir)
	return u, m.err
}

// meter measures parts of one delta until the first error.
type meter struct {
	delta *Delta
	links links
	err   error
}

// measure is zero for a part that is not there.
func (m *meter) measure(ctx context.Context, rel string) Usage {
	if m.err != nil {
		return Usage{}
	}
	dir, err := m.delta.dir.Sub(rel)
	if err != nil {
		m.err = skipMissing(err)
		return Usage{}
	}
	defer dir.Close()
	u, err := measure(ctx, dir, m.links)
	if err != nil {
		m.err = fmt.Errorf("measure the delta: %w", err)
	}
	return u
}

// Measure returns what the trees of all dirs take together, with the directories themselves.
func Measure(ctx context.Context, dirs ...*beneath.Dir) (Usage, error) {
	var sum Usage
	seen := links{}
	for _, dir := range dirs {
		u, err := measure(ctx, dir, seen)
		if err != nil {
			return Usage{}, err
		}
		sum = sum.Plus(u)
	}
	return sum, nil
}

func measure(ctx context.Context, dir *beneath.Dir, seen links) (Usage, error) {
	info, err := dir.Lstat(".")
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Disk: info.Disk, Inodes: 1}
	err = dir.Walk(ctx, func(e beneath.Entry) error {
		first, sure := seen.first(e.Info)
		u.Rough = u.Rough || !sure
		if !first {
			return nil
		}
		u.Inodes++
		u.Disk += e.Info.Disk
		if !e.Info.IsDir() {
			u.Apparent += e.Info.Size
		}
		return nil
	})
	return u, err
}

// links remembers the files with several names that were met and have names that were not.
type links map[[2]uint64]uint64

// maxLinks bounds how many are remembered, some 100 MB.
const maxLinks = 1 << 20

// first reports whether a file is met for the first time, and whether that is sure.
func (l links) first(info beneath.Info) (first, sure bool) {
	if info.IsDir() || info.Links < 2 {
		return true, true
	}
	id := [2]uint64{info.Dev, info.Ino}
	left, known := l[id]
	switch {
	case known && left <= 1:
		delete(l, id)
	case known:
		l[id] = left - 1
	case len(l) >= maxLinks:
		return true, false
	default:
		l[id] = info.Links - 1
	}
	return !known, true
}
