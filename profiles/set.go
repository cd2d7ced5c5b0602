package profiles

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	setPrefix = "--set "
	maxSets   = 100
)

// parseSets reads the values of --set flags, each as a text of its own.
func parseSets(set []string) ([]layer, error) {
	if len(set) > maxSets {
		return nil, &Error{File: "--set", Reason: fmt.Sprintf("given %d times, and %d are allowed", len(set), maxSets), Hint: "write a profile"}
	}
	var layers []layer
	var errs []*Error
	for _, s := range set {
		l, wrong := parseSet(s)
		layers = append(layers, l)
		errs = append(errs, wrong...)
	}
	return layers, join(errs)
}

// parseSet reads one KEY=VALUE as the profile that would say only this.
func parseSet(s string) (layer, []*Error) {
	path, value, ok := strings.Cut(s, "=")
	r := newReader(setPrefix + bound(path)) // the value may be a secret
	r.flag = true
	switch {
	case len(s) > MaxSize:
		r.report(nil, Error{Reason: fmt.Sprintf("larger than %d KiB", MaxSize>>10)})
	case !ok || path == "":
		r.report(nil, Error{Reason: "not KEY=VALUE", Hint: "such as limits.memory=512M"})
	case badText(value, MaxSize) != "":
		r.report(nil, Error{Reason: badText(value, MaxSize)})
	case path == "extends":
		r.report(nil, Error{Reason: "extends is for profiles", Hint: "choose one with --profile"})
	}
	if len(r.errs) > 0 {
		return layer{}, r.errs
	}
	change := mapping(r, setTree(path, value), "", profileKeys())
	if change == nil {
		return layer{}, r.errs
	}
	// No value is checked on its own here: the merged spec is, and its problems lead back to this layer by at.
	flat := map[string]position{}
	for key := range r.at {
		flat[key] = position{}
	}
	return layer{file: r.file, at: flat, change: change}, r.errs
}

// setTree makes the dotted key and its value the document that says the same. At most two dots divide: the names of packages may hold more.
func setTree(path, value string) *yaml.Node {
	node := &yaml.Node{Kind: yaml.ScalarNode, Value: value}
	parts := strings.SplitN(path, ".", 3)
	for i := len(parts) - 1; i >= 0; i-- {
		k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: parts[i]}
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{k, node}}
	}
	return node
}
