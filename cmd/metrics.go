package cmd

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

func (a *app) metricsCommand() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "metrics [TARGET…]", Short: "Print figures and states for Prometheus",
		Long: `Prints states and figures of containers, all without a target, in the text format of Prometheus;
write it into the directory of node_exporter's textfile collector, by rename. Nobody inside is
asked. A figure that is not known is left out; the size of a delta can be half a minute old.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			return a.observe(c, &t, args, func(m *manager.Manager, found []manager.Container) error {
				sizes := m.Sizes()
				ctx, cancel := context.WithTimeout(c.Context(), topBudget)
				defer cancel()
				sizes.Measure(ctx, found)
				return writeMetrics(a.printer.Out(), metricsOf(found, m.Sample(found), sizes.Of))
			})
		},
	}
	t.flag(c)
	return c
}

// metric is one family of the text format.
type metric struct {
	name, kind, help string
	points           []point
}

// point is one value; labels are pairs.
type point struct {
	labels []string
	value  string
}

// metricsOf returns all families.
func metricsOf(containers []manager.Container, now manager.Sample, size func(manager.Container) alive.Figure) []metric {
	all := states(containers)
	for _, f := range figureFamilies(now, size) {
		for _, c := range containers {
			f.figure(c.Name, f.of(c), f.unit)
		}
		all = append(all, f.metric)
	}
	return all
}

// states are the families that say what containers are.
func states(containers []manager.Container) []metric {
	info := metric{name: "sysctr_container_info", kind: "gauge", help: "What a container is, always 1."}
	state := metric{name: "sysctr_container_state", kind: "gauge", help: "1 for the state that the container is in."}
	ready := metric{name: "sysctr_container_ready", kind: "gauge", help: "1 if the container has booted."}
	started := metric{name: "sysctr_container_start_time_seconds", kind: "gauge", help: "When the container was started, in seconds since 1970."}
	for _, c := range containers {
		info.add(1, "name", c.Name, "profile", c.Record.Spec.Profile, "isolation", string(c.Record.Spec.Isolation))
		for _, s := range record.States() {
			state.add(flag(c.Status.State == s), "name", c.Name, "state", string(s))
		}
		ready.add(flag(c.Status.Ready), "name", c.Name)
		if c.Status.State != record.Stopped && !c.Live.Started.IsZero() {
			started.add(uint64(c.Live.Started.Unix()), "name", c.Name)
		}
	}
	return []metric{info, state, ready, started}
}

// family is a metric of one figure of each container, in units of so many of the figure's own.
type family struct {
	metric
	unit float64
	of   func(manager.Container) alive.Figure
}

func figureFamilies(now manager.Sample, size func(manager.Container) alive.Figure) []family {
	usage := func(of func(alive.Usage) alive.Figure) func(manager.Container) alive.Figure {
		return func(c manager.Container) alive.Figure { return of(now[c.Name].Usage) }
	}
	return []family{
		{metric{name: "sysctr_container_cpu_seconds_total", kind: "counter", help: "Processor time of this run."}, 1e9,
			usage(func(u alive.Usage) alive.Figure { return u.CPU })},
		{metric{name: "sysctr_container_memory_bytes", kind: "gauge", help: "Memory, page cache included."}, 1,
			usage(func(u alive.Usage) alive.Figure { return u.Memory })},
		{metric{name: "sysctr_container_pids", kind: "gauge", help: "Processes and threads."}, 1,
			usage(func(u alive.Usage) alive.Figure { return u.Pids })},
		{metric{name: "sysctr_container_read_bytes_total", kind: "counter", help: "Bytes read from disks in this run."}, 1,
			usage(func(u alive.Usage) alive.Figure { return u.Read })},
		{metric{name: "sysctr_container_written_bytes_total", kind: "counter", help: "Bytes written to disks in this run."}, 1,
			usage(func(u alive.Usage) alive.Figure { return u.Write })},
		{metric{name: "sysctr_container_delta_bytes", kind: "gauge", help: "What the delta takes on disk."}, 1, size},
		{metric{name: "sysctr_container_memory_limit_bytes", kind: "gauge", help: "The memory limit; absent without one."}, 1, memoryLimit},
	}
}

func memoryLimit(c manager.Container) alive.Figure {
	limit := c.Record.Spec.Limits.Memory
	return alive.Figure{Value: uint64(max(limit, 0)), OK: limit > 0}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func (m *metric) add(value uint64, labels ...string) {
	m.points = append(m.points, point{labels, strconv.FormatUint(value, 10)})
}

func (m *metric) figure(container string, f alive.Figure, unit float64) {
	if f.OK {
		m.points = append(m.points, point{[]string{"name", container}, strconv.FormatFloat(float64(f.Value)/unit, 'f', -1, 64)})
	}
}

// writeMetrics writes the text format, https://prometheus.io/docs/instrumenting/exposition_formats. A family without a value is left out.
func writeMetrics(w io.Writer, metrics []metric) error {
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	var b strings.Builder
	for _, m := range metrics {
		if len(m.points) == 0 {
			continue
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", m.name, m.help, m.name, m.kind)
		for _, p := range m.points {
			b.WriteString(m.name)
			separator := "{"
			for i := 0; i+1 < len(p.labels); i += 2 {
				b.WriteString(separator + p.labels[i] + `="` + escape.Replace(p.labels[i+1]) + `"`)
				separator = ","
			}
			b.WriteString("} " + p.value + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
