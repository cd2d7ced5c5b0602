package profiles

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Change is one key at which two specs differ; From and To are in the form that a profile is written in, and empty for nothing.
type Change struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Diff gives the changes that make a into b, in the order of the spec; none if and only if they are equal.
func Diff(a, b Spec) []Change {
	var changes []Change
	before, after := a.shown(), b.shown()
	for i, f := range before {
		if f.text != after[i].text {
			changes = append(changes, Change{Field: f.key, From: f.text, To: after[i].text})
		}
	}
	return changes
}

// Equal says whether both specs describe the same container. The order of what is a set (units, hide, share, drop, tags) does not count,
// nor does the difference between empty and missing.
func (s Spec) Equal(other Spec) bool {
	return len(Diff(s, other)) == 0
}

// sorted gives the spec with its sets in order, so that equal ones are stored as the same bytes.
func (s Spec) sorted() Spec {
	for _, set := range []*[]string{&s.Units, &s.Hide, &s.Share, &s.Drop, &s.Tags} {
		*set = slices.Sorted(slices.Values(*set))
	}
	return s
}

type shownField struct {
	key, text string
}

// shown gives every value as text; two specs with the same texts are the same.
func (s Spec) shown() []shownField {
	s = s.sorted()
	return []shownField{
		{"profile", s.Profile},
		{"description", s.Description},
		{"init", asJSON(len(s.Init), s.Init)},
		{"command", asJSON(len(s.Command), s.Command)},
		{"environment", asJSON(len(s.Environment), s.Environment)},
		{"isolation", string(s.Isolation)},
		{"units", asJSON(len(s.Units), s.Units)},
		{"hide", asJSON(len(s.Hide), s.Hide)},
		{"share", asJSON(len(s.Share), s.Share)},
		{"mounts", asJSON(len(s.Mounts), s.Mounts)},
		{"limits.memory", formatMemory(s.Limits.Memory)},
		{"limits.cpu", formatCPU(s.Limits.CPU)},
		{"limits.pids", strconv.FormatInt(s.Limits.Pids, 10)},
		{"drop", asJSON(len(s.Drop), s.Drop)},
		{"autostart", strconv.FormatBool(s.Autostart)},
		{"priority", strconv.Itoa(s.Priority)},
		{"stop.signal", s.Stop.Signal},
		{"stop.timeout", s.Stop.Timeout.String()},
		{"tags", asJSON(len(s.Tags), s.Tags)},
		{"restart", string(s.Restart)},
		{"network", asJSON(len(s.Network), s.Network)},
		{"ports", asJSON(len(s.Ports), s.Ports)},
		{"volumes", asJSON(len(s.Volumes), s.Volumes)},
		{"patch.mode", string(s.Patch.Mode)},
		{"patch.scope", string(s.Patch.Scope)},
		{"patch.max_lag", shownDuration(s.Patch.MaxLag)},
		{"patch.max_unavailable", string(s.Patch.MaxUnavailable)},
		{"patch.after", asJSON(len(s.Patch.After), s.Patch.After)},
		{"patch.window", asJSON(len(s.Patch.Window), s.Patch.Window)},
		{"patch.cooldown", shownDuration(s.Patch.Cooldown)},
		{"patch.probe", asJSON(len(s.Patch.Probe), s.Patch.Probe)},
		{"patch.probe_timeout", shownDuration(s.Patch.ProbeTimeout)},
		{"patch.packages", asJSON(len(s.Patch.Packages), s.Patch.Packages)},
		{"usr", string(s.Usr)},
	}
}

// asJSON shows a list or map of n entries; JSON is also YAML, and maps come in the order of their keys.
func asJSON(n int, v any) string {
	if n == 0 {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		// Only channels, functions and cycles fail, and a spec has none.
		return err.Error()
	}
	return string(text)
}

// shownDuration shows a duration that may be left to the policy.
func shownDuration(d Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
