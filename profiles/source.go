package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// MaxSize is the largest profile in bytes. The YAML library never sees more.
const MaxSize = 256 << 10

const (
	// maxDepth is how deep a document may nest; the deepest key of a profile is at 5.
	maxDepth = 8
	// maxReports bounds what is kept of a file that is wrong throughout; maxErrors of them are shown.
	maxReports = 1000
)

type position struct{ line, column int }

// reader reads one text and gathers its problems.
type reader struct {
	file string
	// at tells where the value of each key stands.
	at   map[string]position
	errs []*Error
	// told are the places of errs.
	told map[position]bool
	// flag is set while a --set is read: values are texts without a type, and have no place.
	flag bool
}

func newReader(file string) *reader {
	return &reader{file: file, at: map[string]position{}, told: map[position]bool{}}
}

// report notes a problem at a node, or of the whole file if it is nil. Of one place only the first problem counts: the others follow from it.
func (r *reader) report(n *yaml.Node, e Error) {
	if len(r.errs) >= maxReports {
		return
	}
	e.File = r.file
	if n != nil && !r.flag {
		e.Line, e.Column = n.Line, n.Column
		place := position{n.Line, n.Column}
		if r.told[place] {
			return
		}
		r.told[place] = true
	}
	r.errs = append(r.errs, &e)
}

// load gives the content of the one document in data, or nil if there is none to go on with.
func (r *reader) load(data []byte) *yaml.Node {
	if len(data) > MaxSize {
		r.report(nil, Error{Reason: fmt.Sprintf("larger than %d KiB", MaxSize>>10), Hint: "a profile has a few lines: is this the right file?"})
		return nil
	}
	if place, reason := badSource(data); reason != "" {
		r.report(&yaml.Node{Line: place.line, Column: place.column}, Error{Reason: reason, Hint: "a profile is plain UTF-8 text"})
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		r.report(nil, Error{Reason: "empty", Hint: "a profile has at least a description"})
		return nil
	} else if err != nil {
		r.reportSyntax(err)
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		r.report(&second, Error{Reason: "second document", Hint: "write one profile per file, without a further ---"})
	} else if !errors.Is(err, io.EOF) {
		r.reportSyntax(err)
	}
	root := document.Content[0]
	r.walk(root, 1)
	return root
}

// badSource finds the first character that no profile may hold, also in a comment.
func badSource(data []byte) (position, string) {
	place := position{1, 1}
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 {
			return place, "not valid UTF-8"
		}
		lineEnd := c == '\n' || c == '\r' && i+1 < len(data) && data[i+1] == '\n'
		if bad := badRune(c); bad != "" && c != '\t' && !lineEnd {
			return place, bad
		}
		if place.column++; c == '\n' {
			place = position{place.line + 1, 1}
		}
		i += size
	}
	return place, ""
}

// walk reports what is YAML but no part of a profile's language, wherever it stands.
func (r *reader) walk(n *yaml.Node, depth int) {
	if depth > maxDepth {
		r.report(n, Error{Reason: fmt.Sprintf("nested deeper than %d levels", maxDepth)})
		return
	}
	r.walkNode(n)
	if n.Kind == yaml.MappingNode {
		r.walkKeys(n)
	}
	for _, child := range n.Content {
		r.walk(child, depth+1)
	}
}

func (r *reader) walkNode(n *yaml.Node) {
	const hint = "write the value out: a profile is read as it stands"
	switch {
	case n.Kind == yaml.AliasNode:
		r.report(n, Error{Reason: "alias *" + bound(n.Value), Hint: hint})
	case n.Anchor != "":
		r.report(n, Error{Reason: "anchor &" + bound(n.Anchor), Hint: hint})
	case n.Style&yaml.TaggedStyle != 0:
		r.report(n, Error{Reason: "tag " + bound(n.Tag), Hint: "leave it out: every key has one type"})
	case n.Kind == yaml.ScalarNode:
		for _, c := range n.Value {
			if bad := badRune(c); bad != "" {
				r.report(n, Error{Reason: bad + " in a text", Hint: "texts have one line and no escapes for control characters"})
				return
			}
		}
	}
}

// bound makes a name out of the file fit for a message without quotes.
func bound(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

func (r *reader) walkKeys(mapping *yaml.Node) {
	first := map[string]int{}
	for i := 0; i < len(mapping.Content); i += 2 {
		k := mapping.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode:
			r.report(k, Error{Reason: "a key must be a plain word"})
		case k.ShortTag() == "!!merge":
			r.report(k, Error{Reason: "merge key <<", Hint: "use extends: to build on another profile"})
		case first[k.Value] > 0:
			r.report(k, Error{Reason: fmt.Sprintf("duplicate key %s", quote(k.Value)), Hint: r.seen(first[k.Value])})
		default:
			first[k.Value] = k.Line
		}
	}
}

func (r *reader) seen(line int) string {
	if r.flag {
		return "write it once"
	}
	return fmt.Sprintf("first written in line %d", line)
}

// reportSyntax takes apart an error of the YAML library, which carries the line only in its text.
func (r *reader) reportSyntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	place := yaml.Node{Line: 1, Column: 1}
	if n, scanErr := fmt.Sscanf(text, "line %d:", &place.Line); n == 1 && scanErr == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	r.report(&place, Error{Reason: "not YAML: " + bound(text)})
}
