package bench_test

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/bench"
)

func TestParse(t *testing.T) {
	here, err := filepath.Abs("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		summary, n, r string
		args          []string
		want          bench.Options
		fails         bool
	}{
		{
			"defaults", "", "", []string{"-sysctr", "/x"},
			bench.Options{Sysctr: "/x", Script: "hooks/pkg-hook", Collection: "ansible", N: 100, Rounds: 5, CPUs: 2, Debian: 20, Listed: 1000, Dir: "/var/tmp"}, false,
		},
		{
			"the environment", "7", "3", []string{"-sysctr", "/x"},
			bench.Options{Sysctr: "/x", Script: "hooks/pkg-hook", Collection: "ansible", N: 7, Rounds: 3, CPUs: 2, Debian: 7, Listed: 1000, Dir: "/var/tmp"}, false,
		},
		{
			"flags before the environment, a relative path", "7", "x", []string{"-sysctr", "x", "-n", "9", "-dir", "/d"},
			bench.Options{Sysctr: here, Script: "hooks/pkg-hook", Collection: "ansible", N: 9, Rounds: 5, CPUs: 2, Debian: 9, Listed: 1000, Dir: "/d"}, false,
		},
		{
			"some figures", "", "", []string{"-sysctr", "/x", "-only", "starts,network"},
			bench.Options{
				Sysctr: "/x", Script: "hooks/pkg-hook", Collection: "ansible", N: 100, Rounds: 5, CPUs: 2, Debian: 20, Listed: 1000, Only: "starts,network", Dir: "/var/tmp",
			}, false,
		},
		{"no such figure", "", "", []string{"-only", "starts,start"}, bench.Options{}, true},
		{"no containers", "", "", []string{"-n", "0"}, bench.Options{}, true},
		{"more than there are ids", "", "", []string{"-n", "5000"}, bench.Options{}, true},
		{"a target", "", "", []string{"web1"}, bench.Options{}, true},
		{"an unknown flag", "", "", []string{"-fast"}, bench.Options{}, true},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Setenv("N", test.n)
			t.Setenv("R", test.r)
			got, err := bench.Parse(test.args, io.Discard)
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %v", err, test.fails)
			}
			if err == nil {
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if _, err := bench.Parse([]string{"-help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}

func TestMentions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		summary, table string
		want           bool
	}{
		{"a run's state", "60 30 254:0 /var/tmp/bench-12-state/state /var/lib/sysctr rw - ext4 /dev/vda rw", true},
		{"another run's", "60 30 254:0 /var/tmp/bench-123-state/state /var/lib/sysctr rw - ext4 /dev/vda rw", false},
		{"a name that only looks like it", "60 30 254:0 /var/tmp/my-bench-12-state/state /var/lib/sysctr rw - ext4 /dev/vda rw", false},
		{"the floor's deltas", "60 30 0:5 / /x rw - overlay sysctr rw,upperdir=/var/tmp/bench-12-state/disk/upper", false},
		{"nothing", "", false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			got := bench.Mentions(test.table, func(name string) bool { return strings.HasPrefix(name, "bench-12-") })
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestDead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		want bool
	}{
		{"bench-2147483600-start-1", true}, // no process has such a number
		{"bench-" + strconv.Itoa(os.Getpid()) + "-start-1", false},
		{"bench-2147483600", false},
		{"bench--1-x", false},
		{"bench-0-x", false},
		{"bench-web-1", false},
		{"web1", false},
	} {
		if got := bench.Dead(test.name); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

const smaps = `55d0c0a00000-55d0c0a10000 r--p 00000000 fe:00 123  /usr/lib/systemd/systemd
Size:                 64 kB
Rss:                  40 kB
Pss:                  10 kB
7f0000000000-7f0000026000 r--p 00000000 00:2b 456  /usr/lib/x86_64-linux-gnu/libc.so.6
Size:                152 kB
Rss:                 148 kB
Pss:                   7 kB
Pss_Dirty:             3 kB
VmFlags: rd mr mw me sd
7f0000026000-7f0000180000 r-xp 00026000 00:2b 456  /usr/lib/x86_64-linux-gnu/libc.so.6
Rss:                1000 kB
Pss:                  50 kB
7f0000180000-7f0000190000 rw-p 00000000 00:00 0
Rss:                  12 kB
Pss:                  12 kB
`

func TestMapped(t *testing.T) {
	t.Parallel()
	if rss, pss := bench.Mapped(smaps, "/libc.so.6"); rss != 1148 || pss != 57 {
		t.Errorf("got %v and %v, want 1148 and 57", rss, pss)
	}
	if rss, pss := bench.Mapped(smaps, "/libm.so.6"); rss != 0 || pss != 0 {
		t.Errorf("of what is not mapped: got %v and %v", rss, pss)
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	const text = "MemTotal:       24683408 kB\nMemAvailable:   23993752 kB\nHugePages_Total:       0\nBroken: x kB\n"
	for _, test := range []struct {
		name string
		want float64
		ok   bool
	}{{"MemAvailable", 23993752, true}, {"HugePages_Total", 0, true}, {"Mem", 0, false}, {"Broken", 0, false}, {"Missing", 0, false}} {
		if got, ok := bench.Field(text, test.name); got != test.want || ok != test.ok {
			t.Errorf("%s: got %v %v, want %v %v", test.name, got, ok, test.want, test.ok)
		}
	}
}
