package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager/record"
)

// TestObserve has a line for every phase, and in it a column for each combination of what is alive: init, monitor, starter. F is frozen.
// A lower case letter is the state: c s S r f p b = creating, stopped, Starting, running, frozen, stopping (p), broken.
func TestObserve(t *testing.T) {
	const columns = "---   --s   -m-   -ms   i--   i-s   im-   ims"
	for _, test := range []struct {
		phase  record.Phase
		locked bool
		frozen bool
		want   string
	}{
		{record.PhaseStarting, false, false, "s S s S b S b S"},
		{record.PhaseStarting, false, true, "s S s S b S b S"},
		{record.PhaseStarting, true, false, "s S p S p S p S"},
		{record.PhaseStarting, true, true, "s S p S p S p S"},
		{record.PhaseRunning, false, false, "s s p p b b r r"},
		{record.PhaseRunning, false, true, "s s p p b b f f"},
		{record.PhaseRunning, true, false, "s s p p b b r r"},
		{record.PhaseRunning, true, true, "s s p p b b f f"},
		{record.PhaseStopping, false, false, "s s p p p p p p"},
		{record.PhaseStopping, false, true, "s s p p p p p p"},
		{record.PhaseStopping, true, false, "s s p p p p p p"},
		{record.PhaseStopping, true, true, "s s p p p p p p"},
	} {
		want := strings.Fields(test.want)
		for i, who := range strings.Fields(columns) {
			facts := record.Facts{
				InitAlive: who[0] == 'i', MonitorAlive: who[1] == 'm', StarterAlive: who[2] == 's', Frozen: test.frozen,
			}
			for _, ready := range []bool{false, true} {
				l := record.Live{Phase: test.phase, Ready: ready}
				got := record.Observe(nil, &l, facts, test.locked)
				line := fmt.Sprintf("%s, locked %v, frozen %v, %s: %+v", test.phase, test.locked, test.frozen, who, got)
				if letter(got.State) != want[i] {
					t.Errorf("%s; want %s", line, want[i])
				}
				if wantReady := ready && (got.State == record.Running || got.State == record.Frozen); got.Ready != wantReady {
					t.Errorf("%s; want ready %v", line, wantReady)
				}
				if (got.State == record.Broken) && got.Reason == "" {
					t.Errorf("%s; broken without a reason", line)
				}
			}
		}
	}
}

func letter(s record.State) string {
	return map[record.State]string{
		record.Creating: "c", record.Stopped: "s", record.Starting: "S", record.Running: "r", record.Frozen: "f", record.Stopping: "p", record.Broken: "b",
	}[s]
}

func TestObserveWithoutLive(t *testing.T) {
	everything := record.Facts{InitAlive: true, MonitorAlive: true, StarterAlive: true, Frozen: true}
	for _, facts := range []record.Facts{{}, everything} {
		for _, locked := range []bool{false, true} {
			if got := record.Observe(nil, nil, facts, locked); got != (record.Status{State: record.Stopped}) {
				t.Errorf("%+v, %v: %+v", facts, locked, got)
			}
		}
	}
}

func TestObserveWithoutRecord(t *testing.T) {
	l := runningLive()
	for _, live := range []*record.Live{nil, &l} {
		facts := record.Facts{InitAlive: live != nil, MonitorAlive: live != nil}
		creating := fmt.Errorf("load: %w: %w", record.ErrCreating, fs.ErrNotExist)
		if got := record.Observe(creating, live, facts, true); got != (record.Status{State: record.Creating}) {
			t.Errorf("a draft: %+v", got)
		}
		for _, err := range []error{record.ErrDamaged, record.ErrFormat, errors.New("input/output error")} {
			if got := record.Observe(err, live, facts, false); got.State != record.Broken || got.Ready || !strings.Contains(got.Reason, err.Error()) {
				t.Errorf("%v: %+v", err, got)
			}
		}
	}
}

func TestObserveSaysWhy(t *testing.T) {
	for _, test := range []struct {
		phase  record.Phase
		facts  record.Facts
		locked bool
		want   string
	}{
		{record.PhaseRunning, record.Facts{}, false, "out of memory"},
		{record.PhaseRunning, record.Facts{MonitorAlive: true}, false, "out of memory"},
		{record.PhaseStopping, record.Facts{}, true, "out of memory"},
		{record.PhaseStarting, record.Facts{}, false, "out of memory"},
		{record.PhaseStarting, record.Facts{MonitorAlive: true}, false, "next start"},
		{record.PhaseStopping, record.Facts{InitAlive: true, MonitorAlive: true}, false, "stop it again"},
		{record.PhaseStopping, record.Facts{InitAlive: true, MonitorAlive: true, Frozen: true}, true, "frozen"},
		{record.PhaseStopping, record.Facts{InitAlive: true, MonitorAlive: true}, true, ""},
	} {
		l := record.Live{Phase: test.phase, Stopped: "out of memory"}
		got := record.Observe(nil, &l, test.facts, test.locked)
		if !strings.Contains(got.Reason, test.want) || (test.want == "") != (got.Reason == "") {
			t.Errorf("%s %+v: reason %q, want %q in it", test.phase, test.facts, got.Reason, test.want)
		}
	}
}
