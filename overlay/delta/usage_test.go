package delta_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// disk is what the files at paths take.
func disk(t *testing.T, paths ...string) (sum int64) {
	t.Helper()
	for _, path := range paths {
		var st unix.Stat_t
		do(t, unix.Lstat(path, &st))
		sum += st.Blocks * 512
	}
	return sum
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	up, far := dir+"/upper", dir+"/fs/var%2Flib/upper"
	put(t, up+"/a/file", "0123456789")
	put(t, far+"/x", "01234")
	put(t, dir+"/work/work/tmp", "")
	put(t, dir+"/trash/id/0/old", "012")
	put(t, up+"/sparse", "")
	all(t, os.Truncate(up+"/sparse", 1<<30), os.Link(up+"/a/file", up+"/a/again"), os.Link(up+"/a/file", dir+"/trash/id/linked"), os.Symlink("abc", up+"/link"))
	d := openDelta(t, dir)
	u, err := d.Usage(t.Context())
	do(t, err)
	want := delta.Parts{
		Points: []delta.PointUsage{
			{
				Point: "/",
				Upper: delta.Usage{Apparent: 10 + 1<<30 + 3, Inodes: 5, Disk: disk(t, up, up+"/a", up+"/a/file", up+"/sparse", up+"/link")},
				Work:  delta.Usage{Inodes: 3, Disk: disk(t, dir+"/work", dir+"/work/work", dir+"/work/work/tmp")},
			},
			{Point: "/var/lib", Upper: delta.Usage{Apparent: 5, Inodes: 2, Disk: disk(t, far, far+"/x")}},
		},
		Trash: delta.Usage{Apparent: 3, Inodes: 4, Disk: disk(t, dir+"/trash", dir+"/trash/id", dir+"/trash/id/0", dir+"/trash/id/0/old")},
	}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total := u.Total(); total.Apparent != 10+1<<30+3+5+3 || total.Inodes != 14 {
		t.Errorf("Total = %+v", total)
	}
	sum, err := delta.Measure(t.Context(), openDir(t, up), openDir(t, far))
	if err != nil || sum != want.Points[0].Upper.Plus(want.Points[1].Upper) {
		t.Errorf("Measure = %+v, %v", sum, err)
	}
}

func TestPoints(t *testing.T) {
	dir := t.TempDir()
	d := openDelta(t, dir)
	if points, err := d.Points(); err != nil || len(points) != 1 || points[0] != "/" {
		t.Errorf("Points of an empty delta = %q, %v", points, err)
	}
	for _, name := range []string{"var%2Flib", "usr", "opt%2Fa%20b"} {
		all(t, os.MkdirAll(dir+"/fs/"+name+"/upper", 0o755))
	}
	points, err := d.Points()
	if diff := cmp.Diff([]string{"/", "/opt/a b", "/usr", "/var/lib"}, points); err != nil || diff != "" {
		t.Errorf("Points: %v (-want +got):\n%s", err, diff)
	}
	for _, name := range []string{"%2e%2e", "a%2F..", "%zz", "var%2flib", "a b"} {
		all(t, os.Mkdir(dir+"/fs/"+name, 0o755))
		if points, err := d.Points(); err == nil {
			t.Errorf("with %s: %q", name, points)
		}
		all(t, os.Remove(dir+"/fs/"+name))
	}
}

// big is an upper of 10^5 files in 1000 directories, and a base that has half of them.
func big(b *testing.B) (upper, base *beneath.Dir) {
	b.Helper()
	root := b.TempDir()
	for i := range 100_000 {
		put(b, fmt.Sprintf("%s/upper/%d/%d", root, i/100, i), "x")
		if i%2 == 0 {
			put(b, fmt.Sprintf("%s/base/%d/%d", root, i/100, i), "x")
		}
	}
	return openDir(b, root+"/upper"), openDir(b, root+"/base")
}

func BenchmarkDelta(b *testing.B) {
	upper, base := big(b)
	b.Run("walk", func(b *testing.B) {
		for b.Loop() {
			do(b, delta.Walk(b.Context(), upper, func(delta.Entry) error { return nil }))
		}
	})
	b.Run("usage", func(b *testing.B) {
		for b.Loop() {
			_, err := delta.Measure(b.Context(), upper)
			do(b, err)
		}
	})
	b.Run("diff", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			v := delta.View{Layers: []delta.Layer{{Dir: base}}}
			do(b, delta.Diff(b.Context(), upper, v, func(delta.Change) error { n++; return nil }))
			if n != 100_000 {
				b.Fatalf("%d changes", n)
			}
		}
	})
}
