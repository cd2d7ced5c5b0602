package evidence_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/evidence"
)

// TestMany has a thousand processes in one container that execute a replaced program: a few of them are shown, the others counted.
func TestMany(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	supplySleep(t, base)
	c := newContainer(t, base)
	const many = 1000
	c.do("crowd", "/usr/bin/sleep", fmt.Sprint(many), "sleep", "1000")
	const path = "/usr/bin/sleep"
	before := remember(t, base, path)
	supplySleep(t, filepath.Join(base, "new"))
	must(t, os.Rename(filepath.Join(base, "new", path), filepath.Join(base, path)))
	began := time.Now()
	r := c.look(before.changed(t))
	t.Logf("%d processes: %v", r.Processes, time.Since(began))
	c.found(r, path, evidence.Executed)
	if r.Processes != many+1 || len(r.Findings)+r.Omitted != many || len(r.Findings) > 20 {
		t.Errorf("%d processes, %d findings and %d omitted", r.Processes, len(r.Findings), r.Omitted)
	}
}

// TestChurn has processes come and go while the container is looked at: what stays is found all the same.
func TestChurn(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	supplySleep(t, base)
	write(t, filepath.Join(base, dir, "library"), "old", 0o644)
	c := newContainer(t, base)
	c.do("map", dir+"library")
	c.do("churn", "/usr/bin/sleep")
	before := remember(t, base, dir+"library")
	replace(t, base, dir+"library", "new", 0o644)
	for range 20 {
		r := c.look(before.changed(t))
		c.found(r, dir+"library", evidence.Mapped, evidence.Answers)
		if len(r.Findings) != len(of(r, dir+"library")) {
			t.Errorf("%+v", r)
		}
	}
}

// TestChurnInACrowd has processes come and go beside many that stay: those that may be gone the next moment are looked at first, so that it is known
// at all what the container runs.
func TestChurnInACrowd(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	supplySleep(t, base)
	c := newContainer(t, base)
	c.do("crowd", "/usr/bin/sleep", "1000", "sleep", "1000")
	for range 2 {
		c.do("churn", "/usr/bin/sleep")
	}
	known := 0
	for range 20 {
		reports := evidence.Look(t.Context(), executable(t), []evidence.Subject{c.subject}, nil, evidence.Options{Root: base})
		r := reports[c.subject.Name]
		if len(r.Findings) > 0 || r.Unknown == "" && r.Processes < 1001 {
			t.Errorf("%+v", r)
		}
		if r.Unknown == "" {
			known++
		}
		if known == 3 {
			return
		}
	}
	t.Errorf("of 20 looks %d ended with an answer", known)
}

// of returns the findings about a path.
func of(r evidence.Report, path string) []evidence.Finding {
	var found []evidence.Finding
	for _, f := range r.Findings {
		if f.Path == path {
			found = append(found, f)
		}
	}
	return found
}

// TestFleet looks at many containers at once, as patch status does, and shows how the package is used.
func TestFleet(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	const fleet, patched = 20, 20
	base := newHost(t)
	supplySleep(t, base)
	paths := make([]string, patched)
	for i := range paths {
		paths[i] = fmt.Sprintf("%slibrary%d", dir, i)
		write(t, filepath.Join(base, paths[i]), "old", 0o644)
	}
	containers, subjects := make([]*container, fleet), make([]evidence.Subject, fleet)
	for i := range containers {
		containers[i] = newContainer(t, base)
		containers[i].do("crowd", "/usr/bin/sleep", "3", "sleep", "1000")
		subjects[i] = containers[i].subject
		subjects[i].Name = fmt.Sprintf("web%d", i)
	}
	containers[7].do("map", paths[3])
	before := remember(t, base, paths...)
	for _, path := range paths {
		replace(t, base, path, "new", 0o644)
	}
	changed := before.changed(t)
	began := time.Now()
	reports := evidence.Look(t.Context(), executable(t), subjects, changed, evidence.Options{Root: base})
	t.Logf("%d containers, %d processes each, %d changed paths: %v", fleet, reports["web0"].Processes, patched, time.Since(began))
	for i := range containers {
		r := reports[subjects[i].Name]
		if r.Unknown != "" || r.Processes != 4 || r.Looked != patched || (len(r.Findings) != 0) != (i == 7) {
			t.Errorf("%s: %+v", subjects[i].Name, r)
		}
	}
	for _, f := range reports["web7"].Findings {
		t.Logf("web7: %s %s by %s[%d]: inode %d, the host's %d", f.Kind, f.Path, f.Comm, f.PID, f.SeenIno, f.HostIno)
	}
	containers[7].found(reports["web7"], paths[3], evidence.Mapped, evidence.Answers)
}
