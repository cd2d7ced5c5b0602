package profiles

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// listing is a list as one text gives it: what is added to an inherited list, or replaces it.
type listing[V any] struct {
	items   []V
	replace bool
}

// onto gives the inherited list with the listing laid over it. An item that means the same as an inherited one takes its place.
func (l listing[V]) onto(inherited []V, id func(V) string) []V {
	if l.replace {
		return slices.Clone(l.items)
	}
	merged := slices.Clone(inherited)
	for _, item := range l.items {
		same := slices.IndexFunc(inherited, func(v V) bool { return id(v) == id(item) })
		if same >= 0 {
			merged[same] = item
			continue
		}
		merged = append(merged, item)
	}
	return merged
}

// list is the reader of a key with many values: a list, which is added, or {replace: LIST}. Two items with the same id are a mistake.
func list[T, V any](field func(*T) *[]V, id func(V) string, item func(r *reader, n *yaml.Node, path string) (V, bool)) func(*reader, *yaml.Node, string) func(*T) {
	return func(r *reader, n *yaml.Node, path string) func(*T) {
		var l listing[V]
		n = r.flagList(n)
		if n.Kind == yaml.MappingNode {
			replacement := mapping(r, n, path, []key[*yaml.Node]{{name: "replace", read: keepNode}})
			inner := new(*yaml.Node)
			if replacement(inner); *inner == nil {
				r.report(n, Error{Key: path, Reason: "must be a list", Hint: "write a list, or {replace: [...]} to drop what is inherited"})
				return nil
			}
			l.replace, n = true, *inner
		}
		if !r.expect(n, yaml.SequenceNode, path, "a list") {
			return nil
		}
		l.items = items(r, n, path, id, item)
		return func(t *T) { *field(t) = l.onto(*field(t), id) }
	}
}

func keepNode(_ *reader, n *yaml.Node, _ string) func(**yaml.Node) {
	return func(to **yaml.Node) { *to = n }
}

func items[V any](r *reader, n *yaml.Node, path string, id func(V) string, item func(r *reader, n *yaml.Node, path string) (V, bool)) []V {
	var list []V
	seen := map[string]bool{}
	for _, child := range n.Content {
		// The index is that of the list in the Spec, so that a problem found there leads back here.
		below := fmt.Sprintf("%s[%d]", path, len(list))
		r.at[below] = position{child.Line, child.Column}
		v, ok := item(r, child, below)
		if !ok {
			continue
		}
		if seen[id(v)] {
			r.report(child, Error{Key: path, Reason: quote(id(v)) + " is listed twice"})
			continue
		}
		seen[id(v)] = true
		list = append(list, v)
	}
	return list
}

// flagList makes the value of a --set a list: words between commas, or YAML in brackets.
func (r *reader) flagList(n *yaml.Node) *yaml.Node {
	if !r.flag || n.Kind != yaml.ScalarNode {
		return n
	}
	first, _, _ := strings.Cut(n.Value, ",")
	_, err := ParsePort(first) // one such as {8000+n}:80 begins like YAML and is none
	if strings.HasPrefix(n.Value, "[") || strings.HasPrefix(n.Value, "{") && err != nil {
		if flow := r.load(bytes.TrimSpace([]byte(n.Value))); flow != nil {
			return flow
		}
		return &yaml.Node{Kind: yaml.AliasNode} // reported: read no further
	}
	words := &yaml.Node{Kind: yaml.SequenceNode}
	for _, w := range strings.Split(n.Value, ",") {
		words.Content = append(words.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: w})
	}
	return words
}

// words reads a list of texts.
func words[T any](field func(*T) *[]string) func(*reader, *yaml.Node, string) func(*T) {
	return list(field, itself, wordItem)
}

func itself(s string) string { return s }

func wordItem(r *reader, n *yaml.Node, path string) (string, bool) {
	return r.scalar(n, path, "a text", "!!str")
}

// records reads a list of mappings. fresh gives the defaults of one, id what makes two of them the same.
func records[T, V any](field func(*T) *[]V, id func(V) string, fresh func() V, keys []key[V]) func(*reader, *yaml.Node, string) func(*T) {
	return list(field, id, func(r *reader, n *yaml.Node, path string) (V, bool) {
		v := fresh()
		change := mapping(r, n, path, keys)
		if change == nil {
			return v, false
		}
		change(&v)
		return v, true
	})
}

// argv reads a command line of at least so many words: a list of texts, or one word. It is never merged.
func argv[T any](least int, set func(*T, []string)) func(*reader, *yaml.Node, string) func(*T) {
	return func(r *reader, n *yaml.Node, path string) func(*T) {
		if r.flag && n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "[") {
			n = r.flagList(n)
		}
		args, ok := readArgv(r, n, path)
		if !ok {
			return nil
		}
		if len(args) < least {
			r.report(n, Error{Key: path, Reason: "must not be empty", Hint: "leave the key out for the default"})
			return nil
		}
		return func(t *T) { set(t, slices.Clone(args)) }
	}
}

func readArgv(r *reader, n *yaml.Node, path string) ([]string, bool) {
	if n.Kind == yaml.ScalarNode {
		text, ok := r.scalar(n, path, "a list of texts", "!!str")
		if ok && strings.ContainsAny(text, " \t") {
			r.report(n, Error{Key: path, Reason: "a command line with spaces is not taken apart", Hint: "write a list: " + argvHint(text)})
			return nil, false
		}
		return []string{text}, ok
	}
	if !r.expect(n, yaml.SequenceNode, path, "a list of texts") {
		return nil, false
	}
	var args []string
	for i, child := range n.Content {
		below := fmt.Sprintf("%s[%d]", path, i)
		r.at[below] = position{child.Line, child.Column}
		arg, ok := wordItem(r, child, below)
		if !ok {
			return nil, false
		}
		args = append(args, arg)
	}
	return args, true
}

func argvHint(text string) string {
	quoted := make([]string, 0, 4)
	for _, field := range strings.Fields(text) {
		if len(quoted) == cap(quoted) {
			return "[" + strings.Join(quoted, ", ") + ", …]"
		}
		quoted = append(quoted, quote(field))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
