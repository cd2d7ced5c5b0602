package systemd_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/systemd"
)

// report is what Start and its kind tell of one unit.
type report struct {
	unit string
	err  error
}

type change3 func(ctx context.Context, units []string, report func(string, error))

// begin runs a change beside the test. The channel is closed when it has returned.
func begin(ctx context.Context, do change3, units ...string) <-chan report {
	reports := make(chan report, len(units)+1)
	go func() {
		defer close(reports)
		do(ctx, units, func(unit string, err error) { reports <- report{unit, err} })
	}()
	return reports
}

// text gives the reports as lines, in the order in which they came.
func text(reports <-chan report) []string {
	var lines []string
	for r := range reports {
		lines = append(lines, fmt.Sprintf("%s: %v", r.unit, r.err))
	}
	return lines
}

func TestAllJobsAreQueuedBeforeTheFirstIsWaitedFor(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	reports := begin(t.Context(), c.Start, "sysctr@a.service", "sysctr@b.service", "sysctr@c.service", "sysctr@a.service")
	jobs := []job{m.next(), m.next(), m.next()}
	for _, i := range []int{2, 0, 1} {
		m.finish(jobs[i], "done")
		if r := <-reports; r.unit != jobs[i].unit || r.err != nil {
			t.Fatalf("report = %v, want success of %s", r, jobs[i].unit)
		}
	}
	if rest := text(reports); rest != nil {
		t.Errorf("a unit that was named twice was reported twice: %q", rest)
	}
}

func TestVerbs(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.answer(func(string) string { return "done" })
	c := b.dial()
	for _, tt := range []struct {
		summary string
		do      change3
		want    []string
	}{
		{"start lifts the limit first", c.Start, []string{"reset sysctr@a.service", "start sysctr@a.service replace"}},
		{"stop", c.Stop, []string{"stop sysctr@a.service replace"}},
		{"restart lifts the limit first", c.Restart, []string{"reset sysctr@a.service", "restart sysctr@a.service replace"}},
	} {
		t.Run(tt.summary, func(t *testing.T) {
			before := len(m.called())
			if got := text(begin(t.Context(), tt.do, "sysctr@a.service")); !slices.Equal(got, []string{"sysctr@a.service: <nil>"}) {
				t.Errorf("reports = %q", got)
			}
			if diff := cmp.Diff(tt.want, m.called()[before:]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The result of each job is on its way before the answer that tells its id, and there are more of them than the client's buffer holds.
func TestResultsThatComeBeforeTheAnswer(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.answer(func(string) string { return "done" })
	c := b.dial()
	var units []string
	for i := range 500 {
		units = append(units, fmt.Sprintf("sysctr@web%d.service", i))
	}
	got := text(begin(t.Context(), c.Stop, units...))
	if len(got) != len(units) {
		t.Fatalf("%d reports for %d units", len(got), len(units))
	}
	for _, line := range got {
		if !strings.HasSuffix(line, ": <nil>") {
			t.Error(line)
		}
	}
}

func TestOneFailureDoesNotStopTheOthers(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.refusing("sysctr@masked.service", "org.freedesktop.systemd1.UnitMasked")
	m.answer(func(unit string) string {
		if unit == "sysctr@bad.service" {
			return "failed"
		}
		return "done"
	})
	c := b.dial()
	got := text(begin(t.Context(), c.Start, "sysctr@bad.service", "sysctr@masked.service", "sysctr@good.service"))
	slices.Sort(got)
	want := []string{
		"sysctr@bad.service: start job failed; see journalctl -u sysctr@bad.service",
		"sysctr@good.service: <nil>",
		"sysctr@masked.service: enqueue the start job: no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStopOfAnUnknownUnitIsDone(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.refusing("sysctr@gone.service", "org.freedesktop.systemd1.NoSuchUnit")
	c := b.dial()
	if got := <-begin(t.Context(), c.Stop, "sysctr@gone.service"); got.err != nil {
		t.Errorf("stop: %v", got.err)
	}
	if got := <-begin(t.Context(), c.Start, "sysctr@gone.service"); got.err == nil {
		t.Error("a unit that does not exist was started")
	}
}

func TestFailuresSayWhy(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	const unit = "sysctr@web-1.service"
	for _, tt := range []struct {
		summary    string
		result     string
		properties map[string]any
		want       string
	}{
		{
			"the starter's own words", "failed",
			map[string]any{"Result": "exit-code", "StatusText": "mount base: no such device", "ExecMainCode": int32(1), "ExecMainStatus": int32(7)},
			"start job failed (exit-code, status 7): mount base: no such device; see journalctl -u " + unit,
		}, {
			"killed, and tried again", "failed",
			map[string]any{"Result": "signal", "ExecMainCode": int32(2), "ExecMainStatus": int32(9), "SubState": "auto-restart"},
			"start job failed (signal, signal 9); systemd tries again; see journalctl -u " + unit,
		}, {
			"started too often", "failed", map[string]any{"Result": "start-limit-hit"},
			"start job failed (start-limit-hit); see journalctl -u " + unit + ", then systemctl reset-failed " + unit,
		}, {
			"took too long", "timeout", map[string]any{"Result": "timeout"},
			"start job timeout (timeout); see journalctl -u " + unit,
		}, {
			"somebody stopped it meanwhile", "canceled", map[string]any{"Result": "success"},
			"start job canceled; see systemctl list-jobs: another job took its place",
		}, {
			"a disk is missing", "dependency", nil,
			"start job dependency; see systemctl list-dependencies " + unit,
		}, {
			"inside a container", "assert", nil,
			"start job assert; see systemctl status " + unit + ": an assertion of the unit does not hold, as inside a container",
		}, {
			"skipped", "skipped", nil, "start job skipped; see journalctl -u " + unit,
		}, {
			"hostile words and types", "failed",
			map[string]any{"Result": uint32(5), "StatusText": "a\x1b[2J\nb" + strings.Repeat("c", 9000), "ExecMainCode": "1"},
			"start job failed: a [2J b" + strings.Repeat("c", 512-7) + "; see journalctl -u " + unit,
		},
	} {
		t.Run(tt.summary, func(t *testing.T) {
			m.describe(unit, tt.properties)
			reports := begin(t.Context(), c.Start, unit)
			m.finish(m.next(), tt.result)
			got := <-reports
			var failure *systemd.JobError
			if !errors.As(got.err, &failure) || failure.Unit != unit || failure.Verb != "start" || failure.Result != tt.result {
				t.Fatalf("error = %#v", got.err)
			}
			if diff := cmp.Diff(tt.want, got.err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
