package output

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Result prints the result of a changing verb: the items on standard output, failures, warnings and a summary on standard error. Targets
// that failed alike share one message. Its error means that standard output could not be written; the failures are no part of it, they
// are in Result.Status.
func (p *Printer) Result(f Format, r Result) error {
	r = r.settled()
	err := p.items(f, r)
	for _, warning := range r.Warnings {
		p.Warn("%s", warning)
	}
	for _, group := range failureGroups(r.Items) {
		p.failure(Compact(group.names), group.failure)
	}
	if r.Error != nil {
		p.failure("", r.Error)
	}
	if !f.Structured() && f != FormatName {
		p.Say("%s", r.summaryLine())
	}
	return err
}

// Fail says why a command failed, if that was not said yet, and returns the exit code of err. In a structured format a Result with that
// error is written to standard output, unless a document was written before. Nil and a Status need no words.
func (p *Printer) Fail(f Format, err error) int {
	exit := ExitOf(err)
	var status Status
	if err == nil || errors.As(err, &status) {
		return exit
	}
	failure := ErrorOf(err)
	p.mu.Lock()
	first := !p.documented
	p.mu.Unlock()
	if f.Structured() && first {
		// Standard output may be what failed; the words below still reach the caller.
		_ = p.document(f, Result{Error: failure})
	}
	p.failure("", failure)
	return exit
}

// items writes what belongs on standard output.
func (p *Printer) items(f Format, r Result) error {
	switch {
	case f.Structured():
		return p.document(f, r)
	case f == FormatName:
		return resultList(slices.DeleteFunc(slices.Clone(r.Items), func(i Item) bool { return i.Error != nil })).Print(p, f)
	}
	if err := resultList(r.Items).Print(p, f); err != nil {
		return err
	}
	return p.text(foldDiffs(r.Diff))
}

// foldDiffs returns differences as text, those with the same lines once, under the names of all.
func foldDiffs(diffs []Diff) string {
	names := map[string][]string{}
	var order []string
	for _, d := range diffs {
		lines := d.lines()
		if names[lines] == nil {
			order = append(order, lines)
		}
		names[lines] = append(names[lines], d.header())
	}
	var text strings.Builder
	for _, lines := range order {
		text.WriteString(Clean(Compact(names[lines])) + ":\n" + lines)
	}
	return text.String()
}

func (d Diff) header() string {
	if d.AfterHeader != "" {
		return d.AfterHeader
	}
	return d.BeforeHeader
}

func resultList(items []Item) List[Item] {
	yes := map[bool]string{true: "yes", false: "no"}
	return List[Item]{Items: items, Columns: []Column[Item]{
		{Header: "name", Cell: func(i Item) string { return i.Name }},
		{Header: "action", Cell: func(i Item) string { return i.Action }},
		{Header: "state", Cell: func(i Item) string { return i.State }},
		{Header: "ready", Cell: func(i Item) string { return yes[i.Ready] }},
		{Header: "changed", Wide: true, Cell: func(i Item) string { return yes[i.Changed] }},
		{Header: "error", Wide: true, Cell: func(i Item) string {
			if i.Error == nil {
				return ""
			}
			return i.Error.Code
		}},
	}}
}

// lines returns the difference as lines of "-" and "+". Order does not matter to it: the texts list properties.
func (d Diff) lines() string {
	before, after := splitLines(d.Before), splitLines(d.After)
	var text string
	for _, line := range before {
		if !slices.Contains(after, line) {
			text += "- " + CleanLine(line) + "\n"
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			text += "+ " + CleanLine(line) + "\n"
		}
	}
	return text
}

// summaryLine counts the items in words, leaving out what there is none of.
func (r Result) summaryLine() string {
	counts := []struct {
		n    int
		word string
	}{{r.Summary.Changed, "changed"}, {r.Summary.Unchanged, "unchanged"}, {r.Summary.Failed, "failed"}}
	var parts []string
	for _, c := range counts {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	line := strings.Join(parts, ", ")
	if line == "" {
		line = "nothing to do"
	}
	if r.DryRun {
		line = "dry run: " + line
	}
	return line
}

// failureGroup is the names of items that failed with the same words.
type failureGroup struct {
	failure *Failure
	names   []string
}

// failureGroups groups failed items in the order in which their words first come.
func failureGroups(items []Item) []failureGroup {
	type words struct{ message, hint string }
	var groups []failureGroup
	index := map[words]int{}
	for _, item := range items {
		if item.Error == nil {
			continue
		}
		key := words{item.Error.Message, item.Error.Hint}
		i, known := index[key]
		if !known {
			i = len(groups)
			index[key] = i
			groups = append(groups, failureGroup{failure: item.Error})
		}
		groups[i].names = append(groups[i].names, item.Name)
	}
	return groups
}

// failure writes a failure for people: "sysctr: web3: cannot …", further lines and the hint indented below.
func (p *Printer) failure(who string, f *Failure) {
	lines := splitLines(f.Message)
	if len(lines) == 0 {
		lines = []string{f.Code}
	}
	head := "sysctr: "
	if who != "" {
		head += Clean(who) + ": "
	}
	text := head + Clean(lines[0]) + "\n"
	for _, line := range lines[1:] {
		text += "  " + Clean(line) + "\n"
	}
	if f.Hint != "" {
		text += "  hint: " + Clean(f.Hint) + "\n"
	}
	_, _ = p.err.Write([]byte(text))
}

// splitLines returns the lines of s that are not blank.
func splitLines(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\n"), func(line string) bool { return strings.TrimSpace(line) == "" })
}
