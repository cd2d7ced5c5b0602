package patch_test

import (
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/shadow"
)

func found(kinds ...evidence.Kind) evidence.Report {
	var r evidence.Report
	for _, k := range kinds {
		r.Findings = append(r.Findings, evidence.Finding{Kind: k, PID: 7, Comm: "nginx", Path: "/usr/lib/libssl.so.3", HostIno: 22, SeenIno: 20})
	}
	return r
}

// hiding is a shadow that keeps a patch away, harmless one that does not.
func hiding() []shadow.Shadow {
	return []shadow.Shadow{{Path: "/usr/lib/libssl.so.3", Class: shadow.VendorOld, Layer: shadow.Delta, Changed: true}}
}

func seeded() []shadow.Shadow {
	return []shadow.Shadow{{Path: "/usr/bin/sudo", Class: shadow.VendorOld, Layer: shadow.Seed, Changed: true}}
}

func harmless() []shadow.Shadow {
	return []shadow.Shadow{{Path: "/var/lib/dpkg/status", Class: shadow.Database, Layer: shadow.Delta, Changed: true}}
}

// TestJudge is the table of the design, section 3.
func TestJudge(t *testing.T) {
	release := generation.Diff{From: 4, To: 5, Release: [2]string{"debian 12", "debian 13"}}
	tests := map[string]struct {
		facts   patch.Facts
		verdict patch.Verdict
		action  patch.Action
	}{
		"on the newest":                        {patch.Facts{Mounted: true, Generation: 5}, patch.Patched, patch.None},
		"on an older one":                      {patch.Facts{Mounted: true, Generation: 4}, patch.Unaffected, patch.None},
		"stopped":                              {patch.Facts{}, patch.Unaffected, patch.None},
		"harmless shadow":                      {patch.Facts{Mounted: true, Generation: 5, Shadows: harmless()}, patch.Patched, patch.None},
		"the newest, and yet an old file":      {patch.Facts{Mounted: true, Generation: 5, Evidence: found(evidence.Mapped)}, patch.Stale, patch.Restart},
		"answers old":                          {patch.Facts{Mounted: true, Generation: 4, Evidence: found(evidence.Answers)}, patch.Stale, patch.Restart},
		"mixed":                                {patch.Facts{Mounted: true, Generation: 5, Mixed: true}, patch.Stale, patch.Restart},
		"mixed, of no generation":              {patch.Facts{Mounted: true, Mixed: true}, patch.Stale, patch.Restart},
		"of no generation":                     {patch.Facts{Mounted: true}, patch.Unknown, patch.Wait},
		"uses what is gone":                    {patch.Facts{Mounted: true, Generation: 4, Evidence: found(evidence.Mapped, evidence.Gone)}, patch.Stale, patch.Wait},
		"another release, unaffected":          {patch.Facts{Mounted: true, Generation: 4, Diff: release}, patch.Unaffected, patch.None},
		"another release, stale":               {patch.Facts{Mounted: true, Generation: 4, Diff: release, Evidence: found(evidence.Open)}, patch.Stale, patch.Wait},
		"shadowed":                             {patch.Facts{Mounted: true, Generation: 5, Shadows: hiding()}, patch.Shadowed, patch.Heal},
		"shadowed and stopped":                 {patch.Facts{Shadows: hiding()}, patch.Shadowed, patch.Heal},
		"shadowed and stale":                   {patch.Facts{Mounted: true, Generation: 4, Shadows: hiding(), Evidence: found(evidence.Mapped)}, patch.Shadowed, patch.Restart},
		"shadowed, and that is why it answers": {patch.Facts{Mounted: true, Generation: 4, Shadows: hiding(), Evidence: found(evidence.Answers)}, patch.Shadowed, patch.Heal},
		"shadowed by its seed":                 {patch.Facts{Mounted: true, Generation: 4, Shadows: seeded()}, patch.Shadowed, patch.Restart},
		"did not answer":                       {patch.Facts{Mounted: true, Generation: 5, Evidence: evidence.Report{Unknown: "it did not answer"}}, patch.Unknown, patch.Wait},
		"too many findings, none of them left": {patch.Facts{Mounted: true, Generation: 4, Evidence: evidence.Report{Omitted: 3}}, patch.Unknown, patch.Wait},
		"shadowed, and did not answer": {patch.Facts{Mounted: true, Generation: 4, Shadows: hiding(), Evidence: evidence.Report{Unknown: "it did not answer"}},
			patch.Shadowed, patch.Heal},
		"shadowed by its seed, and did not answer": {patch.Facts{Mounted: true, Generation: 4, Shadows: seeded(), Evidence: evidence.Report{Unknown: "no"}},
			patch.Shadowed, patch.Restart},
		"stale, and did not answer": {patch.Facts{Mounted: true, Generation: 4, Evidence: evidence.Report{
			Unknown: "it did not answer", Findings: found(evidence.Mapped).Findings}}, patch.Stale, patch.Restart},
		"its delta could not be read": {patch.Facts{Mounted: true, Generation: 5, Blind: "input/output error"}, patch.Unknown, patch.Wait},
		"stopped, its delta unread":   {patch.Facts{Blind: "input/output error"}, patch.Unknown, patch.None},
		"broken":                      {patch.Facts{Unusable: "it is broken"}, patch.Unknown, patch.None},
		"evidence of a stopped one":   {patch.Facts{Evidence: found(evidence.Mapped)}, patch.Unaffected, patch.None},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.facts.Name = "web1"
			got := patch.Judge(test.facts, 5)
			if got.Verdict != test.verdict || got.Action != test.action {
				t.Errorf("%s, %s; want %s, %s: %v", got.Verdict, got.Action, test.verdict, test.action, got.Reasons)
			}
			if got.Verdict.Good() != (len(got.Reasons) == 0) {
				t.Errorf("%s with the reasons %v", got.Verdict, got.Reasons)
			}
		})
	}
}

// TestReasons holds that a reason names the package with both versions.
func TestReasons(t *testing.T) {
	j := patch.Judge(patch.Facts{
		Name: "web1", Mounted: true, Generation: 4, Evidence: found(evidence.Mapped),
		Diff: generation.Diff{From: 4, To: 5, Files: []generation.FileChange{
			{Path: "/usr/lib/libssl.so.3", Package: "libssl3", OldVersion: "3.0.20", NewVersion: "3.0.22"},
		}},
	}, 5)
	if r := j.Reasons[0]; r.HostIno != 22 || r.SeenIno != 20 {
		t.Errorf("inode %d of the host, %d seen", r.HostIno, r.SeenIno)
	}
	const want = "mapped by nginx (pid 7) /usr/lib/libssl.so.3 of libssl3 3.0.20 -> 3.0.22"
	if len(j.Reasons) != 1 || j.Reasons[0].String() != want {
		t.Errorf("got %q, want %q", j.Reasons, want)
	}
}
