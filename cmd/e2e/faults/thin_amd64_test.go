package faults_test

import (
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/faults"
)

// thin returns a number of faults that lie evenly in the list, of both kinds in turn. The list has points in pairs: failed, killed.
func thin(all []faults.Fault, most int) []faults.Fault {
	var some []faults.Fault
	points := len(all) / 2
	most = min(most, points)
	for i := range most {
		some = append(some, all[i*points/most*2+i%2])
	}
	return some
}

func TestThin(t *testing.T) {
	for points := 1; points < 70; points++ {
		all := faults.Choose(faults.Counts{{Role: faults.RoleLibrary, Call: "rename"}: points}, points)
		some, killed := thin(all, 8), 0
		seen := map[faults.Fault]bool{}
		for _, f := range some {
			seen[f] = true
			if f.Kill {
				killed++
			}
		}
		if want := min(points, 8); len(seen) != want || killed != want/2 {
			t.Errorf("of %d points %d are taken, %d of them killed", points, len(seen), killed)
		}
	}
}
