package manager_test

import (
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager"
)

// TestBackOff: the first failure is no reason to wait, and a container that always fails is tried once a minute, for ever.
func TestBackOff(t *testing.T) {
	last := time.Duration(0)
	for tries := range 100 {
		pause := manager.BackOff(tries)
		if pause < last || pause > time.Minute || (pause == 0) != (tries < 2) {
			t.Errorf("before try %d: %v after %v", tries, pause, last)
		}
		last = pause
	}
	if last != time.Minute {
		t.Errorf("the longest pause is %v", last)
	}
}
