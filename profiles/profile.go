package profiles

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/sysctr/sysctr/profiles/name"
)

// Profile is one parsed profile with those it extends. It never changes; Resolve makes specs from it.
type Profile struct {
	// Name is the name of the file without ".yaml".
	Name string
	// File is the file as it was given, or "built-in NAME".
	File        string
	Description string
	// Extends is the name of the profile this one builds on, or empty.
	Extends string
	// Text is the file's content.
	Text string

	own    layer
	parent *Profile
}

// layer is what one text says: the changes it makes, and where it says so.
type layer struct {
	file   string
	at     map[string]position
	change func(*draft)
}

// Parse reads one profile of at most MaxSize bytes. It checks all that can be said of the text alone and does not look for what it extends;
// that is what a Library does. The error joins one *Error per problem, in the order of the text, at most twenty.
func Parse(file string, data []byte) (*Profile, error) {
	r := newReader(file)
	p := &Profile{Name: strings.TrimSuffix(filepath.Base(file), ".yaml"), File: file, Text: string(data)}
	if b, ok := strings.CutPrefix(file, builtinPrefix); ok {
		p.Name = b
	}
	root := r.load(data)
	if root == nil {
		return nil, join(r.errs)
	}
	change := mapping(r, root, "", profileKeys())
	if change == nil {
		return nil, join(r.errs)
	}
	p.own = layer{file: file, at: r.at, change: change}
	d := draft{Spec: defaults()}
	change(&d)
	p.Description, p.Extends = d.Description, d.extends
	d.Profile = p.Name
	fill(&d.Spec)
	r.check(d)
	if len(r.errs) > 0 {
		return nil, join(r.errs)
	}
	return p, nil
}

// check reports what is wrong with the values of one text.
func (r *reader) check(d draft) {
	if both, ok := r.at["command"]; ok && r.said("init") {
		r.report(&yaml.Node{Line: both.line, Column: both.column}, Error{
			Key: "command", Reason: "a container has init or command, not both", Hint: "leave one of them out",
		})
	}
	if r.said("extends") {
		if err := name.Check(d.extends); err != nil {
			r.reportAt("extends", Error{Reason: err.Error()})
		}
	}
	for _, p := range d.problems() {
		r.reportAt(p.key, Error{Reason: p.reason, Hint: p.hint})
	}
}

func (r *reader) said(key string) bool {
	_, ok := r.at[key]
	return ok
}

// reportAt notes a problem of the value at key, at the nearest place that the text gives.
func (r *reader) reportAt(key string, e Error) {
	e.Key = key
	if place, ok := locate(r.at, key); ok {
		r.report(&yaml.Node{Line: place.line, Column: place.column}, e)
		return
	}
	r.report(nil, e)
}

// locate gives the place of key, or of the key that holds it.
func locate(at map[string]position, key string) (position, bool) {
	for key != "" {
		if place, ok := at[key]; ok {
			return place, true
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return position{}, false
}

// defaults is the spec of a profile that says nothing, but for what depends on the kind of container.
func defaults() Spec {
	return Spec{
		Isolation: Private,
		Limits:    Limits{Pids: 2048},
		Priority:  50,
		Restart:   OnFailure,
		Usr:       UsrOverlay,
	}
}

// fill sets what was not said and depends on the kind of container.
func fill(s *Spec) {
	if s.Init == nil && s.Command == nil {
		s.Init = []string{"/sbin/init"}
	}
	// systemd powers off at SIGRTMIN+3 (systemd(1)); a command expects SIGTERM.
	kind := Stop{Signal: "SIGRTMIN+3", Timeout: seconds(30)}
	if s.Command != nil {
		kind = Stop{Signal: "SIGTERM", Timeout: seconds(10)}
	}
	if s.Stop.Signal == "" {
		s.Stop.Signal = kind.Signal
	}
	if s.Stop.Timeout == 0 {
		s.Stop.Timeout = kind.Timeout
	}
}

// Resolve gives the spec of the profile with the --set values, each KEY=VALUE, laid on top in their order. The error joins one *Error per
// problem.
func (p *Profile) Resolve(set []string) (Spec, error) {
	layers, err := p.layers(set)
	if err != nil {
		return Spec{}, err
	}
	d := draft{Spec: defaults()}
	for _, l := range layers {
		l.change(&d)
	}
	s := d.Spec
	s.Profile, s.Set = p.Name, slices.Clone(set)
	fill(&s)
	errs := p.unwritten(s, layers)
	for _, problem := range s.problems() {
		errs = append(errs, place(problem, layers, p.File))
	}
	if len(errs) > 0 {
		return Spec{}, join(errs)
	}
	return s.sorted(), nil
}

// layers gives the texts that make the spec, the one that others are laid upon first.
func (p *Profile) layers(set []string) ([]layer, error) {
	var list []layer
	for q := p; q != nil; q = q.parent {
		list = append(list, q.own)
	}
	slices.Reverse(list)
	flags, err := parseSets(set)
	return append(list, flags...), err
}

// unwritten refuses the one value that is too dangerous to be inherited.
func (p *Profile) unwritten(s Spec, layers []layer) []*Error {
	if s.Isolation != Privileged || p.parent == nil {
		return nil
	}
	for _, l := range layers {
		if _, said := l.at["isolation"]; said && (l.file == p.File || strings.HasPrefix(l.file, setPrefix)) {
			return nil
		}
	}
	at := p.own.at["extends"]
	return []*Error{{
		File: p.File, Line: at.line, Column: at.column, Key: "isolation",
		Reason: fmt.Sprintf("privileged is not inherited from %s", quote(p.Extends)),
		Hint:   "write isolation: privileged here, too, or isolation: private",
	}}
}

// place says which text a problem of the merged spec comes from: the last one that speaks of the key.
func place(p problem, layers []layer, file string) *Error {
	e := &Error{File: file, Key: p.key, Reason: p.reason, Hint: p.hint}
	// An index counts in the merged list, and leads nowhere in a text.
	key, _, _ := strings.Cut(p.key, "[")
	for _, l := range slices.Backward(layers) {
		if at, ok := locate(l.at, key); ok {
			e.File, e.Line, e.Column = l.file, at.line, at.column
			break
		}
	}
	return e
}
