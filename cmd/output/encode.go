package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"gopkg.in/yaml.v3"
)

// encodeJSON returns v as one JSON document that a terminal can show: indented, the characters of ranges such as web<1..9> as they are,
// everything unprintable escaped, a newline at the end.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return escape(b.Bytes(), func(r rune) string {
		if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			return fmt.Sprintf(`\u%04x\u%04x`, high, low)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}), nil
}

// encodeYAML returns the document of encodeJSON as YAML, its keys in the same order.
func encodeYAML(v any) ([]byte, error) {
	text, err := encodeJSON(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	root, err := yamlNode(d)
	if err != nil {
		return nil, fmt.Errorf("encode the result as YAML: %w", err)
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(root), e.Close()); err != nil {
		return nil, fmt.Errorf("encode the result as YAML: %w", err)
	}
	// What is unprintable can only stand inside double quotes: yamlString leaves nothing else unquoted.
	return escape(b.Bytes(), func(r rune) string {
		if r > 0xffff {
			return fmt.Sprintf(`\U%08x`, r)
		}
		return fmt.Sprintf(`\u%04x`, r)
	}), nil
}

// escape replaces every unprintable rune of a document, except newlines. encoding/json and yaml leave some of them as they are: DEL, the
// second control block, which some terminals obey, and runes that change the direction of writing.
func escape(text []byte, as func(rune) string) []byte {
	var b bytes.Buffer
	b.Grow(len(text))
	for _, r := range string(text) {
		if r == '\n' || unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(as(r))
	}
	return b.Bytes()
}

// yamlNode reads one JSON value; going through the tokens keeps the order of the keys, which a map would lose.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		return yamlCollection(d, t)
	case string:
		return yamlString(t), nil
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}, nil
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(t)}, nil
	}
}

// yamlCollection reads the rest of a JSON object or array whose opening token was just read.
func yamlCollection(d *json.Decoder, open json.Delim) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	if open == '{' {
		n.Kind = yaml.MappingNode
	}
	for d.More() {
		child, err := yamlNode(d)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	_, err := d.Token()
	return n, err
}

// yamlString quotes every string that a reader of any YAML version might take for something else.
func yamlString(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if !plainWord(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

func plainWord(s string) bool {
	switch strings.ToLower(s) {
	case "y", "yes", "n", "no", "on", "off", "true", "false", "null":
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		inner := r >= '0' && r <= '9' || strings.ContainsRune("_./-", r)
		if !letter && (i == 0 || !inner) {
			return false
		}
	}
	return s != ""
}
