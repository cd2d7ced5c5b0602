package idrange_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/idrange"
)

const base = 0x70000000

func at(i uint32) idrange.Range {
	return idrange.Range{Start: base + i*idrange.Size, Size: idrange.Size}
}

func TestAllocate(t *testing.T) {
	small := idrange.Pool{Start: base, Count: 5}
	for _, test := range []struct {
		summary string
		pool    idrange.Pool
		used    []idrange.Range
		n       int
		want    []idrange.Range
		wantErr error
	}{
		{"the shared range is never given out", small, nil, 1, []idrange.Range{at(1)}, nil},
		{"none wanted", small, nil, 0, []idrange.Range{}, nil},
		{"all of them", small, nil, 4, []idrange.Range{at(1), at(2), at(3), at(4)}, nil},
		{"one more than there are", small, nil, 5, nil, idrange.ErrExhausted},
		{"a huge number is refused at once", small, nil, 1 << 40, nil, idrange.ErrExhausted},
		{"a negative number", small, nil, -1, nil, idrange.ErrExhausted},
		{"the lowest gap, whatever the order of the used ones", small, []idrange.Range{at(3), at(1)}, 2, []idrange.Range{at(2), at(4)}, nil},
		{"used ones that repeat", small, []idrange.Range{at(1), at(1), at(1)}, 3, []idrange.Range{at(2), at(3), at(4)}, nil},
		{"an unaligned one takes both it touches", small, []idrange.Range{{Start: base + 2*idrange.Size - 1, Size: 2}}, 2, []idrange.Range{at(3), at(4)}, nil},
		{"a long one that ends inside the pool", small, []idrange.Range{{Start: 1, Size: base + 3*idrange.Size - 1}}, 2, []idrange.Range{at(3), at(4)}, nil},
		{"a long one hidden behind a short one", small, []idrange.Range{{Start: base, Size: 3 * idrange.Size}, at(1)}, 1, []idrange.Range{at(3)}, nil},
		{"outside the pool does not matter", small, []idrange.Range{{Start: 100000, Size: 65536}, at(5), at(9)}, 4, []idrange.Range{at(1), at(2), at(3), at(4)}, nil},
		{"an empty one takes nothing", small, []idrange.Range{{Start: base + idrange.Size + 5}}, 1, []idrange.Range{at(1)}, nil},
		{"a pool of one has nothing to give", idrange.Pool{Start: base, Count: 1}, nil, 1, nil, idrange.ErrPool},
		{"a pool among the host's ids", idrange.Pool{Start: 1000, Count: 8}, nil, 1, nil, idrange.ErrPool},
		{"a pool beyond the last id", idrange.Pool{Start: 0xFFFF0000, Count: 2}, nil, 1, nil, idrange.ErrPool},
		{"a pool whose size overflows", idrange.Pool{Start: base, Count: 1 << 50}, nil, 1, nil, idrange.ErrPool},
		{"a pool with the id that is none", idrange.Pool{Start: 0xFFFE0000, Count: 2}, nil, 1, nil, idrange.ErrPool},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got, err := test.pool.Allocate(test.used, test.n)
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("Allocate: error %v, want %v", err, test.wantErr)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("Allocate (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAllocateProperties compares Allocate with the plainest possible search, for random pools and random used ranges.
func TestAllocateProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		pool := idrange.Pool{Start: idrange.Lowest + random.Uint32N(1<<20), Count: 2 + random.IntN(30)}
		used := make([]idrange.Range, random.IntN(12))
		for i := range used {
			used[i] = idrange.Range{Start: pool.Start - idrange.Lowest + random.Uint32N(40*idrange.Size), Size: random.Uint32N(3 * idrange.Size)}
		}
		var free []idrange.Range
		for i := 1; i < pool.Count; i++ {
			r := idrange.Range{Start: pool.Start + uint32(i)*idrange.Size, Size: idrange.Size}
			if !overlapsAny(r, used) {
				free = append(free, r)
			}
		}
		n := random.IntN(pool.Count + 2)
		got, err := pool.Allocate(used, n)
		if n > len(free) {
			if !errors.Is(err, idrange.ErrExhausted) {
				t.Fatalf("%v of %v with %v used: error %v, want ErrExhausted", n, pool, used, err)
			}
			continue
		}
		if err != nil || len(got) != n || (n > 0 && !cmp.Equal(got, free[:n])) {
			t.Fatalf("%v of %v with %v used: %v, %v; want %v", n, pool, used, got, err, free[:n])
		}
		for _, r := range got {
			if err := r.Check(); err != nil || r.Overlaps(pool.Shared()) || !pool.Whole().Contains(r.Start) {
				t.Fatalf("%v of %v is no range for a container: %v", r, pool, err)
			}
		}
	}
}

func overlapsAny(r idrange.Range, all []idrange.Range) bool {
	for _, o := range all {
		if r.Overlaps(o) {
			return true
		}
	}
	return false
}

func TestAllocateKeepsItsInput(t *testing.T) {
	used := []idrange.Range{at(3), at(1), at(2)}
	if _, err := idrange.Default().Allocate(used, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]idrange.Range{at(3), at(1), at(2)}, used); diff != "" {
		t.Errorf("the used ranges changed (-want +got):\n%s", diff)
	}
}

func TestDefaultPool(t *testing.T) {
	pool := idrange.Default()
	if err := pool.Check(); err != nil {
		t.Fatal(err)
	}
	if got, want := pool.Whole().String(), "1879048192-2147352575"; got != want {
		t.Errorf("the default pool is %s, want %s", got, want)
	}
	if got, err := pool.Allocate(nil, 4093); err != nil || len(got) != 4093 {
		t.Errorf("Allocate(4093) = %d ranges, %v", len(got), err)
	}
}

func TestRange(t *testing.T) {
	r := idrange.Range{Start: 100, Size: 50}
	for _, test := range []struct {
		summary string
		other   idrange.Range
		want    bool
	}{
		{"itself", r, true},
		{"ends where it starts", idrange.Range{Start: 50, Size: 50}, false},
		{"one id more", idrange.Range{Start: 50, Size: 51}, true},
		{"starts where it ends", idrange.Range{Start: 150, Size: 1}, false},
		{"starts with its last id", idrange.Range{Start: 149, Size: 1}, true},
		{"inside", idrange.Range{Start: 120, Size: 1}, true},
		{"around", idrange.Range{Start: 0, Size: 1 << 31}, true},
		{"empty inside", idrange.Range{Start: 120}, false},
		{"to the end of all ids", idrange.Range{Start: 120, Size: 0xFFFFFFFF}, true},
	} {
		if got := r.Overlaps(test.other); got != test.want {
			t.Errorf("%s: Overlaps = %v", test.summary, got)
		}
		if got := test.other.Overlaps(r); got != test.want {
			t.Errorf("%s, the other way round: Overlaps = %v", test.summary, got)
		}
	}
	for id, want := range map[uint32]bool{99: false, 100: true, 149: true, 150: false, 1 << 31: false} {
		if got := r.Contains(id); got != want {
			t.Errorf("Contains(%d) = %v", id, got)
		}
	}
}

func TestRangeCheck(t *testing.T) {
	for _, test := range []struct {
		r  idrange.Range
		ok bool
	}{
		{at(1), true},
		{idrange.Range{Start: idrange.Lowest, Size: idrange.Size}, true},
		{idrange.Range{}, false},
		{idrange.Range{Start: 0, Size: idrange.Size}, false},
		{idrange.Range{Start: idrange.Lowest - 1, Size: idrange.Size}, false},
		{idrange.Range{Start: base, Size: idrange.Size - 1}, false},
		{idrange.Range{Start: base, Size: idrange.Size + 1}, false},
		{idrange.Range{Start: 0xFFFF0000, Size: idrange.Size}, false},
		{idrange.Range{Start: 0xFFFEFFFF, Size: idrange.Size}, true},
	} {
		if err := test.r.Check(); (err == nil) != test.ok {
			t.Errorf("%v: Check = %v, want ok %v", test.r, err, test.ok)
		}
	}
}
