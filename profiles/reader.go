package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// key is one key of a mapping: how its value is read into a T. read reports what is wrong and then gives nil, else the change that the
// value makes; changes are made later, so that one text can be laid over another.
type key[T any] struct {
	name string
	read func(r *reader, n *yaml.Node, path string) func(*T)
	// below are the names of the keys inside, for Keys.
	below []string
}

// mapping reads the keys of one mapping. The changes come in the order of keys, whatever the order in the text.
func mapping[T any](r *reader, n *yaml.Node, path string, keys []key[T]) func(*T) {
	if !r.expect(n, yaml.MappingNode, path, "a mapping of keys to values") {
		return nil
	}
	values := map[string]*yaml.Node{}
	for i := 0; i < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if _, twice := values[k.Value]; !twice && k.Kind == yaml.ScalarNode && k.ShortTag() != "!!merge" {
			values[k.Value] = v
			if !slices.ContainsFunc(keys, func(known key[T]) bool { return known.name == k.Value }) {
				r.unknown(k, path, names(keys))
			}
		}
	}
	var changes []func(*T)
	for _, k := range keys {
		v := values[k.name]
		if v == nil {
			continue
		}
		below := join2(path, k.name)
		r.at[below] = position{v.Line, v.Column}
		if change := k.read(r, v, below); change != nil {
			changes = append(changes, change)
		}
	}
	return func(t *T) {
		for _, change := range changes {
			change(t)
		}
	}
}

func join2(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func names[T any](keys []key[T]) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.name
	}
	return list
}

func (r *reader) unknown(n *yaml.Node, path string, known []string) {
	hint := didYouMean(n.Value, known)
	if hint == "" && path == "" {
		hint = didYouMean(n.Value, Keys())
	}
	if hint == "" {
		hint = "known here are " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
	}
	r.report(n, Error{Key: path, Reason: "unknown key " + quote(n.Value), Hint: hint})
}

// expect reports a node of another kind than wanted. What walk has reported already is not reported again.
func (r *reader) expect(n *yaml.Node, kind yaml.Kind, path, want string) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		return false
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && !r.flag:
		r.report(n, Error{Key: path, Reason: "no value", Hint: "write " + want + ", or leave the key out"})
		return false
	case n.Kind != kind:
		r.report(n, Error{Key: path, Reason: "must be " + want + ", not " + describe(n)})
		return false
	}
	return true
}

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return map[string]string{"!!int": "the number ", "!!float": "the number ", "!!bool": "the truth value "}[n.ShortTag()] + quote(n.Value)
	}
}

// scalar gives the text of a scalar whose type is one of the tags. A --set knows no types: its text is what counts.
func (r *reader) scalar(n *yaml.Node, path, want string, tags ...string) (string, bool) {
	if !r.expect(n, yaml.ScalarNode, path, want) {
		return "", false
	}
	// A plain date is a text for everybody but YAML.
	if tag := n.ShortTag(); !r.flag && !slices.Contains(tags, tag) && !(tag == "!!timestamp" && slices.Contains(tags, "!!str")) {
		r.report(n, Error{Key: path, Reason: "must be " + want + ", not " + describe(n), Hint: quoteHint(tags, n)})
		return "", false
	}
	return n.Value, true
}

func quoteHint(tags []string, n *yaml.Node) string {
	if slices.Contains(tags, "!!str") {
		return fmt.Sprintf("put it in quotes if it is meant: %s", quote(n.Value))
	}
	return ""
}

// convert reads a scalar of the given types with parse, whose error says what is wrong with the text.
func convert[V any](r *reader, n *yaml.Node, path, want string, parse func(string) (V, error), tags ...string) (V, bool) {
	var none V
	text, ok := r.scalar(n, path, want, tags...)
	if !ok {
		return none, false
	}
	v, err := parse(text)
	if err != nil {
		r.report(n, Error{Key: path, Reason: err.Error()})
		return none, false
	}
	return v, true
}

// single is the reader of a key with one value, which replaces what was there.
func single[T, V any](field func(*T) *V, want string, parse func(string) (V, error), tags ...string) func(*reader, *yaml.Node, string) func(*T) {
	return func(r *reader, n *yaml.Node, path string) func(*T) {
		v, ok := convert(r, n, path, want, parse, tags...)
		if !ok {
			return nil
		}
		return func(t *T) { *field(t) = v }
	}
}

// word reads a text or one of a set of words; which ones are allowed is for Validate to say.
func word[T any, V ~string](field func(*T) *V) func(*reader, *yaml.Node, string) func(*T) {
	return single(field, "a text", func(s string) (V, error) { return V(s), nil }, "!!str")
}

// flag reads true or false.
func flag[T any](field func(*T) *bool) func(*reader, *yaml.Node, string) func(*T) {
	return single(field, "true or false", func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, fmt.Errorf("must be true or false, not %s", quote(s))
		}
		return s == "true", nil
	}, "!!bool")
}

// number reads a whole decimal number.
func number[T any, V ~int | ~int64](field func(*T) *V) func(*reader, *yaml.Node, string) func(*T) {
	return single(field, "a whole number", func(s string) (V, error) {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || strconv.FormatInt(n, 10) != s {
			return 0, fmt.Errorf("must be a whole decimal number, not %s", quote(s))
		}
		return V(n), nil
	}, "!!int")
}

// section reads a mapping whose keys are merged one by one.
func section[T, V any](field func(*T) *V, keys []key[V]) func(*reader, *yaml.Node, string) func(*T) {
	return func(r *reader, n *yaml.Node, path string) func(*T) {
		change := mapping(r, n, path, keys)
		if change == nil {
			return nil
		}
		return func(t *T) { change(field(t)) }
	}
}

// table reads a mapping whose keys are the operator's own; it is merged key by key.
func table[T any, V ~string](field func(*T) *map[string]V, want string, tags ...string) func(*reader, *yaml.Node, string) func(*T) {
	return func(r *reader, n *yaml.Node, path string) func(*T) {
		if !r.expect(n, yaml.MappingNode, path, "a mapping of keys to values") {
			return nil
		}
		values := map[string]V{}
		for i := 0; i < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" {
				continue
			}
			below := join2(path, bound(k.Value))
			r.at[below] = position{k.Line, k.Column}
			if text, ok := r.scalar(v, below, want, tags...); ok {
				values[k.Value] = V(text)
			}
		}
		return func(t *T) {
			// The map of a profile is shared by all specs made from it: never write to it.
			merged := maps.Clone(*field(t))
			if merged == nil {
				merged = map[string]V{}
			}
			maps.Copy(merged, values)
			*field(t) = merged
		}
	}
}
