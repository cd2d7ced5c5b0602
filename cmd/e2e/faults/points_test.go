package faults_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/faults"
)

func TestChoose(t *testing.T) {
	write := faults.Point{Role: faults.RoleCommand, Call: "write"}
	mount := faults.Point{Role: faults.RoleStarter, Call: "mount"}
	for _, test := range []struct {
		summary string
		counts  faults.Counts
		most    int
		want    []string
	}{
		{"nothing", faults.Counts{}, 5, nil},
		{"none wanted", faults.Counts{write: 3}, 0, nil},
		{"all", faults.Counts{write: 2}, 5, []string{"command write 1", "command write 2"}},
		{"the middle", faults.Counts{write: 9}, 1, []string{"command write 5"}},
		{"spread", faults.Counts{write: 10}, 4, []string{"command write 1", "command write 4", "command write 7", "command write 10"}},
		{"in order", faults.Counts{mount: 1, write: 1}, 5, []string{"command write 1", "starter mount 1"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			var want, got []string
			for _, w := range test.want {
				want = append(want, w+" fails", w+" kills")
			}
			for _, f := range faults.Choose(test.counts, test.most) {
				got = append(got, f.String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// TestChooseIsFair: whatever the numbers, no more points than wanted, each once, the first and the last among them.
func TestChooseIsFair(t *testing.T) {
	at := faults.Point{Role: faults.RoleCommand, Call: "write"}
	for count := 1; count < 40; count++ {
		for most := 2; most < 12; most++ {
			seen := map[faults.Fault]bool{}
			chosen := faults.Choose(faults.Counts{at: count}, most)
			for _, f := range chosen {
				seen[f] = true
			}
			first, last := chosen[0].N, chosen[len(chosen)-1].N
			if len(seen) != len(chosen) || len(chosen) != 2*min(count, most) || first != 1 || last != count {
				t.Fatalf("%d of %d: %v", most, count, chosen)
			}
		}
	}
}

func TestTable(t *testing.T) {
	table := faults.Table{}
	at := faults.Point{Role: faults.RoleCommand, Call: "write"}
	table.Count("create", faults.Counts{at: 7, {Role: faults.RoleStarter, Call: "mount"}: 2})
	at.N = 3
	table.Add("create", faults.Fault{Point: at})
	table.Add("create", faults.Fault{Point: at, Kill: true})
	table.Add("create", faults.Fault{Point: at, Kill: true})
	if got := table.Points(); got != 3 {
		t.Errorf("%d points, want 3", got)
	}
	if got := table.Never([]string{"fsync", "mount", "write"}); !slices.Equal(got, []string{"fsync"}) {
		t.Errorf("never made: %q", got)
	}
	if got := fmt.Sprint(table.Missed()); got != "[{create starter mount}]" {
		t.Errorf("missed: %s", got)
	}
	lines := strings.Split(table.String(), "\n")
	if len(lines) != 5 || fmt.Sprint(strings.Fields(lines[1])) != "[create command write 7 1 2]" || lines[3] != "3 points" {
		t.Errorf("the table is\n%s", table)
	}
}
