package cmd

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/overlay"
)

// effectiveContainer is a container with all that its run consists of.
type effectiveContainer struct {
	shown
	HostIDs []string          `json:"hostIds"`
	Layers  []string          `json:"layers"`  // the lines of each overlay.Stack; none of a stopped one, whose next start decides
	Groups  map[string]string `json:"cgroups"` // by hierarchy
	Monitor map[string]string `json:"monitorCgroups"`
	Files   map[string]string `json:"files"`
}

func (a *app) effective(m *manager.Manager, found []manager.Container) error {
	drift := manager.World{Containers: found}.Drift(a.library().Resolve)
	items := make([]effectiveContainer, len(found))
	for i, c := range found {
		e, err := m.Effective(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		items[i] = effectiveContainer{
			shown: shown{view(c, drift[c.Name]), c.Record.Spec}, HostIDs: hostIDs(c), Layers: layers(e.Layers),
			Groups: directories(e.Group, e.Groups), Monitor: directories(e.Monitor, e.Groups),
			Files: map[string]string{"record": e.Record, "delta": e.Delta, "console": e.ConsoleFile},
		}
		if e.Config != "" {
			items[i].Files["lxc"] = e.Config
		}
	}
	format := a.format
	if format == output.FormatTable || format == output.FormatWide {
		format = output.FormatYAML
	}
	return output.List[effectiveContainer]{
		Kind: "EffectiveList", Items: items,
		Columns: []output.Column[effectiveContainer]{{Header: "name", Cell: func(e effectiveContainer) string { return e.Name }}},
	}.Print(a.printer, format)
}

// hostIDs says which ids of the host the container's are.
func hostIDs(c manager.Container) []string {
	r := c.Record.Range
	if r.IsZero() {
		return []string{"users and groups are the host's own"}
	}
	return []string{fmt.Sprintf("users and groups 0 to %d are the host's %d to %d", r.Size-1, r.Start, uint64(r.Start)+uint64(r.Size)-1)}
}

func layers(stacks []overlay.Stack) []string {
	lines := []string{}
	for _, s := range stacks {
		lines = append(lines, strings.Split(strings.TrimSuffix(s.String(), "\n"), "\n")...)
	}
	return lines
}

// directories are the groups as directories; version 2 is called unified.
func directories(g alive.Group, mounts map[string]string) map[string]string {
	dirs := map[string]string{}
	for hierarchy, path := range g {
		at, mounted := mounts[hierarchy]
		if hierarchy == "" {
			hierarchy = "unified"
		}
		if mounted {
			dirs[hierarchy] = filepath.Join(at, path)
		}
	}
	return dirs
}

// profileChange is one difference between a record and its profile.
type profileChange struct {
	Name    string `json:"name"`
	Field   string `json:"field"`
	Record  string `json:"record"`
	Profile string `json:"profile"`
	Restart bool   `json:"restart"` // it would hold only after a restart
	Error   string `json:"error"`   // why there is no telling, or why apply would refuse
}

// profileDiff shows what apply without flags would change.
func (a *app) profileDiff(found []manager.Container) error {
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = c.Name
	}
	plan := manager.PlanApply(manager.World{Containers: found}, names, manager.Request{}, a.library().Resolve)
	items := []profileChange{}
	for _, step := range plan.Steps {
		reason := ""
		if step.Err != nil {
			reason = step.Err.Error()
		}
		if step.Err != nil && len(step.Changes) == 0 {
			items = append(items, profileChange{Name: step.Name, Error: reason})
		}
		for _, c := range step.Changes {
			items = append(items, profileChange{Name: step.Name, Field: c.Field, Record: c.From, Profile: c.To, Restart: c.Pending, Error: reason})
		}
	}
	return output.List[profileChange]{
		Kind: "ProfileDiffList", Items: items, Empty: "every record is what its profile gives",
		Columns: []output.Column[profileChange]{
			{Header: "name", Cell: func(c profileChange) string { return c.Name }},
			{Header: "field", Cell: func(c profileChange) string { return c.Field }},
			{Header: "record", Cell: func(c profileChange) string { return c.Record }, Elastic: true},
			{Header: "profile", Cell: func(c profileChange) string { return c.Profile }, Elastic: true},
			{Header: "restart", Cell: func(c profileChange) string { return yes(c.Restart) }},
			{Header: "error", Cell: func(c profileChange) string { return c.Error }, Elastic: true},
		},
	}.Print(a.printer, a.format)
}
