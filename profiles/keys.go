package profiles

import (
	"errors"
	"strings"

	"gopkg.in/yaml.v3"
)

// draft is a spec in the making, with what a profile says besides.
type draft struct {
	Spec
	extends string
}

// Keys gives every key that a profile may have, in the order of the documentation; keys inside others are dotted, such as limits.memory.
func Keys() []string {
	var list []string
	for _, k := range profileKeys() {
		list = append(list, k.name)
		for _, below := range k.below {
			list = append(list, k.name+"."+below)
		}
	}
	return list
}

// profileKeys is the language: every key with how it is read. The changes are made in this order, so what depends on the kind of container
// (stop, units) comes after init and command.
func profileKeys() []key[draft] {
	return []key[draft]{
		{name: "description", read: word(func(d *draft) *string { return &d.Description })},
		{name: "extends", read: word(func(d *draft) *string { return &d.extends })},
		{name: "init", read: argv(1, setInit)},
		{name: "command", read: argv(1, setCommand)},
		{name: "environment", read: table(func(d *draft) *map[string]string { return &d.Environment }, "a text", "!!str", "!!int", "!!float", "!!bool")},
		{name: "isolation", read: word(func(d *draft) *Isolation { return &d.Isolation })},
		{name: "units", read: list(func(d *draft) *[]string { return &d.Units }, itself, unitItem)},
		{name: "hide", read: words(func(d *draft) *[]string { return &d.Hide })},
		{name: "share", read: words(func(d *draft) *[]string { return &d.Share })},
		{
			name: "mounts", below: names(mountKeys()),
			read: records(func(d *draft) *[]Mount { return &d.Mounts }, mountID, func() Mount { return Mount{ReadOnly: true} }, mountKeys()),
		},
		{name: "limits", read: section(func(d *draft) *Limits { return &d.Limits }, limitKeys()), below: names(limitKeys())},
		{name: "drop", read: words(func(d *draft) *[]string { return &d.Drop })},
		{name: "autostart", read: flag(func(d *draft) *bool { return &d.Autostart })},
		{name: "priority", read: number(func(d *draft) *int { return &d.Priority })},
		{name: "stop", read: section(func(d *draft) *Stop { return &d.Stop }, stopKeys()), below: names(stopKeys())},
		{name: "tags", read: words(func(d *draft) *[]string { return &d.Tags })},
		{name: "restart", read: word(func(d *draft) *Restart { return &d.Restart })},
		{name: "patch", read: section(func(d *draft) *Patch { return &d.Patch }, patchKeys()), below: names(patchKeys())},
		{name: "network", read: readNetwork, below: names(interfaceKeys())},
		{name: "ports", read: words(func(d *draft) *[]string { return &d.Ports })},
		{
			name: "volumes", below: names(volumeKeys()),
			read: records(func(d *draft) *[]Volume { return &d.Volumes }, func(v Volume) string { return v.Name }, func() Volume { return Volume{} }, volumeKeys()),
		},
		{name: "usr", read: word(func(d *draft) *Usr { return &d.Usr })},
	}
}

// setInit and setCommand make the container one of the other kind if it was not; what only fits the kind it was inherited as goes with it.
func setInit(d *draft, args []string) {
	if d.Command != nil {
		d.Command, d.Stop = nil, Stop{}
	}
	d.Init = args
}

func setCommand(d *draft, args []string) {
	if d.Command == nil {
		d.Init, d.Stop, d.Units = nil, Stop{}, nil
	}
	d.Command = args
}

// unitItem reads a unit's name and completes it as systemctl does.
func unitItem(r *reader, n *yaml.Node, path string) (string, bool) {
	name, ok := wordItem(r, n, path)
	if ok && !strings.Contains(name, ".") {
		name += ".service"
	}
	return name, ok
}

func mountID(m Mount) string { return m.Target }

func mountKeys() []key[Mount] {
	return []key[Mount]{
		{name: "source", read: word(func(m *Mount) *string { return &m.Source })},
		{name: "target", read: word(func(m *Mount) *string { return &m.Target })},
		{name: "readonly", read: flag(func(m *Mount) *bool { return &m.ReadOnly })},
		{name: "create", read: word(func(m *Mount) *Create { return &m.Create })},
	}
}

func limitKeys() []key[Limits] {
	return []key[Limits]{
		{name: "memory", read: single(func(l *Limits) *int64 { return &l.Memory }, "a size such as 512M", parseMemory, "!!str", "!!int")},
		{name: "cpu", read: single(func(l *Limits) *int64 { return &l.CPU }, "a number of cores such as 1.5", parseCPU, "!!str", "!!int", "!!float")},
		{name: "pids", read: number(func(l *Limits) *int64 { return &l.Pids })},
	}
}

func stopKeys() []key[Stop] {
	return []key[Stop]{
		{name: "signal", read: single(func(s *Stop) *string { return &s.Signal }, "a signal's name", parseSignal, "!!str")},
		{name: "timeout", read: single(func(s *Stop) *Duration { return &s.Timeout }, "a duration such as 30s", parseTimeout, "!!str")},
	}
}

// parseSignal and parseTimeout refuse what means "not said" in a Spec in the making, which fill would turn into the default.
func parseSignal(s string) (string, error) {
	_, err := SignalNumber(s)
	return s, err
}

func parseTimeout(s string) (Duration, error) {
	d, err := ParseDuration(s)
	if err == nil && d == 0 {
		return 0, errors.New("0s leaves no time to stop: write at least 1s, or use kill")
	}
	return d, err
}

// readNetwork reads a list of interfaces, or the word none for dropping the inherited ones.
func readNetwork(r *reader, n *yaml.Node, path string) func(*draft) {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return func(d *draft) { d.Network = nil }
	}
	field := func(d *draft) *[]Interface { return &d.Network }
	return records(field, func(i Interface) string { return i.Name }, func() Interface { return Interface{} }, interfaceKeys())(r, n, path)
}

func interfaceKeys() []key[Interface] {
	return []key[Interface]{
		{name: "name", read: word(func(i *Interface) *string { return &i.Name })},
		{name: "type", read: word(func(i *Interface) *Link { return &i.Type })},
		{name: "parent", read: word(func(i *Interface) *string { return &i.Parent })},
		{name: "addresses", read: words(func(i *Interface) *[]string { return &i.Addresses })},
		{name: "gateways", read: words(func(i *Interface) *[]string { return &i.Gateways })},
		{name: "mac", read: word(func(i *Interface) *string { return &i.MAC })},
		{name: "mtu", read: number(func(i *Interface) *int { return &i.MTU })},
		{name: "dns", read: words(func(i *Interface) *[]string { return &i.DNS })},
		{name: "isolated", read: flag(func(i *Interface) *bool { return &i.Isolated })},
		{name: "open", read: words(func(i *Interface) *[]string { return &i.Open })},
	}
}

func volumeKeys() []key[Volume] {
	return []key[Volume]{
		{name: "name", read: word(func(v *Volume) *string { return &v.Name })},
		{name: "target", read: word(func(v *Volume) *string { return &v.Target })},
		{name: "readonly", read: flag(func(v *Volume) *bool { return &v.ReadOnly })},
	}
}

func patchKeys() []key[Patch] {
	return []key[Patch]{
		{name: "mode", read: word(func(p *Patch) *PatchMode { return &p.Mode })},
		{name: "scope", read: word(func(p *Patch) *PatchScope { return &p.Scope })},
		{name: "max_lag", read: readDuration(func(p *Patch) *Duration { return &p.MaxLag })},
		{name: "max_unavailable", read: readAmount(func(p *Patch) *Amount { return &p.MaxUnavailable })},
		{name: "after", read: words(func(p *Patch) *[]string { return &p.After })},
		{name: "window", read: words(func(p *Patch) *[]string { return &p.Window })},
		{name: "cooldown", read: readDuration(func(p *Patch) *Duration { return &p.Cooldown })},
		{name: "probe", read: argv(0, func(p *Patch, args []string) { p.Probe = args })},
		{name: "probe_timeout", read: readDuration(func(p *Patch) *Duration { return &p.ProbeTimeout })},
		{name: "packages", read: table(func(p *Patch) *map[string]Reaction { return &p.Packages }, "restart, lazy or ignore", "!!str")},
	}
}
