package idrange_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager/idrange"
)

const ours = "root:1879048192:268304384\n"

func TestReserve(t *testing.T) {
	for _, test := range []struct {
		summary string
		input   string
		want    string
		changed bool
		wantErr error
		says    string
	}{
		{summary: "empty file", want: ours, changed: true},
		{summary: "behind the users", input: "joe:100000:65536\n", want: "joe:100000:65536\n" + ours, changed: true},
		{summary: "last line without an end", input: "joe:100000:65536", want: "joe:100000:65536\n" + ours, changed: true},
		{summary: "already there", input: "joe:100000:65536\n" + ours + "eve:165536:65536\n", want: "joe:100000:65536\n" + ours + "eve:165536:65536\n"},
		{summary: "already there, as last line without an end", input: strings.TrimSpace(ours), want: strings.TrimSpace(ours)},
		{summary: "there twice", input: ours + "joe:100000:65536\n" + ours, want: "joe:100000:65536\n" + ours, changed: true},
		{summary: "root has another range", input: "root:100000:65536\n", want: "root:100000:65536\n" + ours, changed: true},
		{summary: "root has a part of the pool, by number", input: "0:1879048192:65536\n", want: "0:1879048192:65536\n" + ours, changed: true},
		{summary: "lines of nonsense stay", input: "# by hand\n\nx:y\n:1:2\nx:1:2:3\nx:-1:5\n\x00\xff", want: "# by hand\n\nx:y\n:1:2\nx:1:2:3\nx:-1:5\n\x00\xff\n" + ours, changed: true},
		{summary: "just below", input: "joe:1879048191:1\n", want: "joe:1879048191:1\n" + ours, changed: true},
		{summary: "just above", input: "joe:2147352576:65536\n", want: "joe:2147352576:65536\n" + ours, changed: true},
		{summary: "empty range in the pool", input: "joe:1879048193:0\n", want: "joe:1879048193:0\n" + ours, changed: true},
		{summary: "first id taken", input: "a:1:2\njoe:1879048192:1\n", wantErr: idrange.ErrTaken, says: `line 2 gives 1 ids from 1879048192 on to "joe"`},
		{summary: "last id taken, by a number", input: "1000:2147352575:65536\n", wantErr: idrange.ErrTaken, says: `"1000"`},
		{summary: "taken although our line is there", input: ours + "joe:1879048192:1\n", wantErr: idrange.ErrTaken, says: "line 2"},
		{summary: "taken in hexadecimal", input: "joe:0x70000000:0x10000\n", wantErr: idrange.ErrTaken, says: "line 1"},
		{summary: "taken in octal", input: "joe:016000000000:1\n", wantErr: idrange.ErrTaken, says: "line 1"},
		{summary: "taken by a range that overflows", input: "joe:5:18446744073709551615\n", wantErr: idrange.ErrTaken, says: "line 1"},
		{summary: "taken, with spaces", input: "joe: 1879048192 :1 \n", wantErr: idrange.ErrTaken, says: "line 1"},
		{summary: "too large", input: strings.Repeat("\n", idrange.MaxFile+1), wantErr: idrange.ErrTooLarge},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got, changed, err := idrange.Reserve([]byte(test.input), idrange.Default())
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("Reserve: error %v, want %v", err, test.wantErr)
			}
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Fatalf("Reserve: error %q, want it to say %q", err, test.says)
			}
			if string(got) != test.want || changed != test.changed {
				t.Errorf("Reserve = %q, %v; want %q, %v", got, changed, test.want, test.changed)
			}
		})
	}
}

func TestReserveRefusesABadPool(t *testing.T) {
	if _, _, err := idrange.Reserve(nil, idrange.Pool{Start: 5, Count: 9}); !errors.Is(err, idrange.ErrPool) {
		t.Errorf("error %v, want ErrPool", err)
	}
}

func TestUnreserve(t *testing.T) {
	for _, test := range []struct {
		input, want string
		changed     bool
	}{
		{"", "", false},
		{ours, "", true},
		{"joe:1:2\n" + ours + "root:100000:65536\n", "joe:1:2\nroot:100000:65536\n", true},
		{"joe:1:2", "joe:1:2", false},
		{"root:1879048192:65536\n", "root:1879048192:65536\n", false},
	} {
		got, changed := idrange.Unreserve([]byte(test.input), idrange.Default())
		if string(got) != test.want || changed != test.changed {
			t.Errorf("Unreserve(%q) = %q, %v; want %q, %v", test.input, got, changed, test.want, test.changed)
		}
	}
}

// FuzzReserve holds Reserve to its words: every other line stays in its order, the line is there exactly once, a second time changes
// nothing, and Unreserve gives back what was there before.
func FuzzReserve(f *testing.F) {
	for _, seed := range []string{"", ours, "joe:100000:65536", "joe:0x70000000:1\n", "a:b:c\n\n::\n" + ours + ours, "\r\nroot:1879048192:268304384\r\n"} {
		f.Add([]byte(seed), uint32(0x70000000), 4094)
	}
	f.Add([]byte("0:70000:65536\n"), uint32(65536), 2)
	f.Fuzz(func(t *testing.T, content []byte, start uint32, count int) {
		pool := idrange.Pool{Start: start, Count: count}
		before := bytes.Clone(content)
		reserved, changed, err := idrange.Reserve(content, pool)
		if !bytes.Equal(before, content) {
			t.Fatal("the input changed")
		}
		if err != nil {
			if reserved != nil || changed {
				t.Fatal("a refusal returned something")
			}
			return
		}
		if !changed != bytes.Equal(reserved, content) {
			t.Fatalf("changed is %v, but the text went from %q to %q", changed, content, reserved)
		}
		if again, changed, err := idrange.Reserve(reserved, pool); err != nil || changed || !bytes.Equal(again, reserved) {
			t.Fatalf("the second time gives %q, %v, %v; want no change of %q", again, changed, err, reserved)
		}
		released, changed := idrange.Unreserve(reserved, pool)
		if !changed {
			t.Fatal("nothing to release after a reservation")
		}
		plain, _ := idrange.Unreserve(content, pool)
		if !bytes.Equal(bytes.TrimSuffix(released, []byte("\n")), bytes.TrimSuffix(plain, []byte("\n"))) {
			t.Fatalf("released %q, want the other lines of %q", released, plain)
		}
	})
}
