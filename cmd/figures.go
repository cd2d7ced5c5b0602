package cmd

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/profiles/name"
)

// figures are what one container uses, as JSON shows it. What is not known is null.
type figures struct {
	Name    string   `json:"name"`
	State   string   `json:"state"`
	Profile string   `json:"profile"`
	CPU     *float64 `json:"cpuPercent"` // of one processor
	Memory  *int64   `json:"memory"`     // bytes
	Pids    *int64   `json:"pids"`
	Read    *float64 `json:"readPerSecond"` // bytes
	Write   *float64 `json:"writePerSecond"`
	Delta   *int64   `json:"delta"` // bytes on disk
}

// figuresOf puts two samples and the sizes of deltas together.
func figuresOf(containers []manager.Container, before, now manager.Sample, size func(manager.Container) alive.Figure) []figures {
	rows := make([]figures, len(containers))
	for i, c := range containers {
		count, rate := now[c.Name], now.Rate(before, c.Name)
		rows[i] = figures{
			Name: c.Name, State: string(c.Status.State), Profile: c.Record.Spec.Profile,
			CPU: known(math.Round(rate.CPU*1000)/10, rate.CPUOK), Read: known(math.Round(rate.Read), rate.ReadOK), Write: known(math.Round(rate.Write), rate.WriteOK),
			Memory: whole(count.Memory), Pids: whole(count.Pids), Delta: whole(size(c)),
		}
	}
	return rows
}

func known(value float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &value
}

func whole(f alive.Figure) *int64 {
	if !f.OK {
		return nil
	}
	value := int64(min(f.Value, math.MaxInt64))
	return &value
}

// order is what figures are sorted by.
type order string

const (
	byName   order = "name"
	byCPU    order = "cpu"
	byMemory order = "memory"
	byPids   order = "pids"
	byIO     order = "io"
	byDelta  order = "delta"
)

func orders() []string {
	return []string{string(byCPU), string(byMemory), string(byPids), string(byIO), string(byDelta), string(byName)}
}

// Set parses the value of a flag.
func (o *order) Set(text string) error {
	if !slices.Contains(orders(), text) {
		return fmt.Errorf("it is one of %s", strings.Join(orders(), ", "))
	}
	*o = order(text)
	return nil
}

func (o *order) String() string { return string(*o) }

// Type is the word that help texts show for the value.
func (o *order) Type() string { return "order" }

// sort puts the largest first, what is not known last, and equals in the order of their names.
func (o order) sort(rows []figures) {
	slices.SortFunc(rows, func(a, b figures) int {
		switch o {
		case byCPU:
			return cmp.Or(larger(a.CPU, b.CPU), name.Compare(a.Name, b.Name))
		case byMemory:
			return cmp.Or(larger(a.Memory, b.Memory), name.Compare(a.Name, b.Name))
		case byPids:
			return cmp.Or(larger(a.Pids, b.Pids), name.Compare(a.Name, b.Name))
		case byIO:
			return cmp.Or(larger(a.disks(), b.disks()), name.Compare(a.Name, b.Name))
		case byDelta:
			return cmp.Or(larger(a.Delta, b.Delta), name.Compare(a.Name, b.Name))
		default:
			return name.Compare(a.Name, b.Name)
		}
	})
}

func (f figures) disks() *float64 {
	switch {
	case f.Read == nil:
		return f.Write
	case f.Write == nil:
		return f.Read
	}
	sum := *f.Read + *f.Write
	return &sum
}

func larger[T cmp.Ordered](a, b *T) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*b, *a)
}

func figureColumns() []output.Column[figures] {
	return []output.Column[figures]{
		{Header: "name", Cell: func(f figures) string { return f.Name }},
		{Header: "state", Cell: func(f figures) string { return f.State }},
		{Header: "profile", Cell: func(f figures) string { return f.Profile }, Wide: true},
		{Header: "cpu%", Cell: func(f figures) string { return text(f.CPU, func(v float64) string { return fmt.Sprintf("%.1f", v) }) }, Right: true},
		{Header: "memory", Cell: func(f figures) string { return text(f.Memory, output.Size) }, Right: true},
		{Header: "pids", Cell: func(f figures) string { return text(f.Pids, decimal) }, Right: true},
		{Header: "read/s", Cell: func(f figures) string { return text(f.Read, bytesOf) }, Right: true},
		{Header: "write/s", Cell: func(f figures) string { return text(f.Write, bytesOf) }, Right: true},
		{Header: "delta", Cell: func(f figures) string { return text(f.Delta, output.Size) }, Right: true},
	}
}

func decimal(v int64) string { return strconv.FormatInt(v, 10) }

func bytesOf(v float64) string { return output.Size(int64(v)) }

// text is empty, which a table shows as a dash, for what is not known.
func text[T any](value *T, show func(T) string) string {
	if value == nil {
		return ""
	}
	return show(*value)
}
