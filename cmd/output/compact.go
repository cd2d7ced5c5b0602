package output

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/profiles/name"
)

// Compact returns names as a short list in natural order, each once: web1 web2 web3 db1 becomes "db1,web[1-3]", and web001 to web100
// "web[001-100]". Each part between commas outside of brackets is an expression that name.Expand gives back, as long as there are not
// more than name.MaxNames names. Only the last number of a name is made a range.
func Compact(names []string) string {
	stems := map[stem][]counted{}
	var parts []part
	for _, n := range padTogether(unique(names)) {
		if n.stem == (stem{}) {
			parts = append(parts, part{first: n.name, text: n.name})
			continue
		}
		stems[n.stem] = append(stems[n.stem], n)
	}
	for s, members := range stems {
		parts = append(parts, s.parts(members)...)
	}
	slices.SortFunc(parts, func(a, b part) int { return name.Compare(a.first, b.first) })
	texts := make([]string, 0, len(parts))
	for _, p := range parts {
		texts = append(texts, p.text)
	}
	return strings.Join(texts, ",")
}

// stem is what the names of one range have in common: the text around the number and, where zeros lead, the number's width.
type stem struct {
	prefix, suffix string
	width          int
}

// counted is a name and the number in it; its stem is empty where there is none.
type counted struct {
	stem
	name   string
	number uint64
}

// part is one expression of the list and the first name it stands for.
type part struct{ first, text string }

// unique returns the names parsed, each once.
func unique(names []string) []counted {
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	var parsed []counted
	for _, n := range slices.Compact(sorted) {
		parsed = append(parsed, parseCounted(n))
	}
	return parsed
}

// parseCounted splits a name at its last number. One too large for name.Expand is no number.
func parseCounted(n string) counted {
	end := strings.LastIndexAny(n, "0123456789") + 1
	start := len(strings.TrimRight(n[:end], "0123456789"))
	digits := n[start:end]
	number, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return counted{name: n}
	}
	c := counted{name: n, number: number, stem: stem{prefix: n[:start], suffix: n[end:]}}
	if strings.HasPrefix(digits, "0") && len(digits) > 1 {
		c.width = len(digits)
	}
	return c
}

// padTogether gives web100 the stem of web001 if there is such a name: it is as wide, so one range can hold both.
func padTogether(all []counted) []counted {
	padded := map[stem]bool{}
	for _, c := range all {
		padded[c.stem] = true
	}
	for i, c := range all {
		if c.width > 0 || c.stem == (stem{}) {
			continue
		}
		wide := c.stem
		wide.width = len(c.name) - len(c.prefix) - len(c.suffix)
		if padded[wide] {
			all[i].stem = wide
		}
	}
	return all
}

// parts returns the expressions for names of one stem: one, or more if it would be longer than name.Expand reads.
func (s stem) parts(members []counted) []part {
	slices.SortFunc(members, func(a, b counted) int { return cmp.Compare(a.number, b.number) })
	room := name.MaxExpression - len(s.prefix) - len(s.suffix) - len("[]")
	var parts []part
	var body, first string
	flush := func() {
		if body != "" {
			parts = append(parts, part{first: first, text: s.wrap(body)})
		}
		body = ""
	}
	for len(members) > 0 {
		run := 1
		for run < len(members) && members[run].number == members[0].number+uint64(run) {
			run++
		}
		span := s.span(members[0].number, members[run-1].number)
		if len(body)+len(",")+len(span) > room {
			flush()
		}
		if body == "" {
			first, body = members[0].name, span
		} else {
			body += "," + span
		}
		members = members[run:]
	}
	flush()
	return parts
}

// span writes a range of numbers, or the only one in it.
func (s stem) span(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("%0*d", s.width, from)
	}
	return fmt.Sprintf("%0*d-%0*d", s.width, from, s.width, to)
}

// wrap puts the body of a range into the name, without brackets if it is a single number.
func (s stem) wrap(body string) string {
	if strings.ContainsAny(body, ",-") {
		body = "[" + body + "]"
	}
	return s.prefix + body + s.suffix
}
