package cmd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/profiles"
)

// shown is a container with its spec.
type shown struct {
	container
	Spec profiles.Spec `json:"spec"`
}

func (a *app) showCommand() *cobra.Command {
	var t targeting
	var whole, diff bool
	c := &cobra.Command{
		Use: "show TARGET…", Short: "Show all about containers", Args: atLeastOneTarget,
		Long: `Shows containers with their spec. --effective adds every field of it, the layers, the control
groups and where all that lies; it is YAML unless -o says otherwise. --diff shows instead in what
the records differ from what their profiles give now: what apply would change.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			if whole && diff {
				return usage(errors.New("--effective and --diff are two answers; ask for one"))
			}
			return a.observe(c, &t, args, func(m *manager.Manager, found []manager.Container) error {
				switch {
				case whole:
					return a.effective(m, found)
				case diff:
					return a.profileDiff(found)
				default:
					return a.show(found)
				}
			})
		},
	}
	t.flag(c)
	c.Flags().BoolVar(&whole, "effective", false, "the whole spec, the layers, the control groups")
	c.Flags().BoolVar(&diff, "diff", false, "the differences between the records and their profiles")
	return c
}

func (a *app) show(found []manager.Container) error {
	if a.format == output.FormatTable || a.format == output.FormatWide {
		return a.details(found)
	}
	drift := manager.World{Containers: found}.Drift(a.library().Resolve)
	items := make([]shown, len(found))
	for i, c := range found {
		items[i] = shown{view(c, drift[c.Name]), c.Record.Spec}
	}
	return output.List[shown]{
		Kind: "ContainerDetailList", Items: items,
		Columns: []output.Column[shown]{{Header: "name", Cell: func(s shown) string { return s.Name }}},
	}.Print(a.printer, a.format)
}

func (a *app) details(found []manager.Container) error {
	drift := manager.World{Containers: found}.Drift(a.library().Resolve)
	for i, c := range found {
		if i > 0 {
			if _, err := fmt.Fprintln(a.printer.Out()); err != nil {
				return err
			}
		}
		if err := a.printer.Details(fields(c, drift[c.Name], time.Now())); err != nil {
			return err
		}
	}
	return nil
}

func fields(c manager.Container, drift []string, now time.Time) []output.Field {
	v, spec := view(c, drift), c.Record.Spec
	state := v.State
	if v.State == "running" && !v.Ready {
		state += ", not ready"
	}
	if v.Reason != "" {
		state += ": " + v.Reason
	}
	all := []output.Field{
		{Label: "Name", Value: v.Name},
		{Label: "State", Value: state},
		{Label: "Profile", Value: v.Profile},
		{Label: "Description", Value: spec.Description},
		{Label: "Runs", Value: strings.Join(append(append([]string{}, spec.Init...), spec.Command...), " ")},
		{Label: "Units", Value: strings.Join(spec.Units, " ")},
		{Label: "Tags", Value: strings.Join(spec.Tags, ", ")},
		{Label: "Isolation", Value: v.Isolation},
		{Label: "Host ids", Value: v.IDs},
		{Label: "Limits", Value: limits(spec.Limits)},
		{Label: "Stop", Value: fmt.Sprintf("%s, killed after %v", spec.Stop.Signal, time.Duration(spec.Stop.Timeout))},
		{Label: "Restart", Value: string(spec.Restart)},
		{Label: "Autostart", Value: yes(spec.Autostart) + ", priority " + strconv.Itoa(spec.Priority)},
		{Label: "Machine id", Value: v.MachineID},
		{Label: "Created", Value: stamp(v.Created, now)},
		{Label: "Started", Value: stamp(v.Started, now)},
		{Label: "Init", Value: number(v.PID)},
		{Label: "Drift", Value: strings.Join(v.Drift, ", ")},
		{Label: "Pending", Value: strings.Join(v.Pending, ", ")},
	}
	all = append(all, connections(c)...)
	for _, m := range spec.Mounts {
		all = append(all, output.Field{Label: "Mount", Value: m.Source + " at " + m.Target})
	}
	kept := all[:0]
	for _, f := range all {
		if f.Value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

func connections(c manager.Container) []output.Field {
	var all []output.Field
	for _, w := range wiresOf(c) {
		all = append(all, output.Field{Label: "Interface", Value: strings.Join(append([]string{w.Interface + " (" + w.Type + ")"}, bare(w.Addresses)...), ", ")})
	}
	return append(all, output.Field{Label: "Ports", Value: strings.Join(ports(c.Published), ", ")})
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func stamp(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime) + " (" + output.AgeSince(now, t) + " ago)"
}

func limits(l profiles.Limits) string {
	parts := []string{fmt.Sprintf("%d processes", l.Pids)}
	if l.Memory > 0 {
		parts = append(parts, output.Size(l.Memory)+" memory")
	}
	if l.CPU > 0 {
		parts = append(parts, strconv.FormatFloat(float64(l.CPU)/1000, 'f', -1, 64)+" cores")
	}
	return strings.Join(parts, ", ")
}
