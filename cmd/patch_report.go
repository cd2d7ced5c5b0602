package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/roll"
)

func (a *app) patchReport() *cobra.Command {
	var wanted string
	c := &cobra.Command{
		Use: "report", Short: "Show for each patched package how many containers have it", Args: cobra.NoArgs,
		Long: `Shows the packages that rolls have brought, the newest first, and how many of the containers that ran
then have them now, by the verdict of 'sysctr patch status'; the others by name, with the reason.

` + output.ExitStatus(output.ExitError, output.ExitUsage),
		RunE: func(c *cobra.Command, _ []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			entries, err := m.Rolls().List()
			if err != nil {
				return err
			}
			var rolls []roll.Roll
			for _, e := range entries {
				if e.Err != nil {
					a.printer.Warn("%v", e.Err)
					continue
				}
				rolls = append(rolls, e.Roll)
				if e.Roll.State == roll.Halted {
					a.printer.Warn("roll %s is halted: %s; cure that, then 'sysctr patch resume'", e.Roll.ID, e.Roll.Reason)
				}
			}
			now, err := standings(c.Context(), m)
			if err != nil {
				return err
			}
			return a.printReport(roll.Report(rolls, wanted, now))
		},
	}
	c.Flags().StringVar(&wanted, "package", "", "of this package only")
	return c
}

// standings says of each container why it has not all patches, nil if it has.
func standings(ctx context.Context, m *manager.Manager) (map[string]error, error) {
	w, err := m.Observe()
	if err != nil {
		return nil, err
	}
	look, err := m.Inspect(ctx, w.Containers)
	if err != nil {
		return nil, err
	}
	now := map[string]error{}
	for _, j := range look.Containers {
		now[j.Name] = nil
		if j.Verdict != patch.Patched && j.Verdict != patch.Unaffected {
			now[j.Name] = errors.New(string(j.Verdict) + ": " + because(judgedOf(j)))
		}
	}
	return now, nil
}

func (a *app) printReport(lines []roll.Line) error {
	for i := range lines {
		lines[i].Rest = append([]roll.Rest{}, lines[i].Rest...) // programs expect an array
	}
	return output.List[roll.Line]{Kind: "PatchReportList", Items: lines, Empty: "no roll has brought a package", Columns: []output.Column[roll.Line]{
		{Header: "package", Cell: func(l roll.Line) string { return l.Package }},
		{Header: "old", Cell: func(l roll.Line) string { return l.Old }},
		{Header: "new", Cell: func(l roll.Line) string { return l.New }},
		{Header: "have", Cell: func(l roll.Line) string { return fmt.Sprintf("%d of %d", l.Have, l.Of) }, Right: true},
		{Header: "when", Cell: func(l roll.Line) string { return moment(l.Last) }},
		{Header: "resting", Cell: func(l roll.Line) string { return strconv.Itoa(l.Resting) }, Right: true, Wide: true},
		{Header: "roll", Cell: func(l roll.Line) string { return l.Roll }, Wide: true},
		{Header: "not yet", Cell: rest, Elastic: true},
	}}.Print(a.printer, a.format)
}

// rest names who does not have it, with the reason of each.
func rest(l roll.Line) string {
	names := make([]string, len(l.Rest))
	for i, r := range l.Rest {
		names[i] = r.Name + " (" + r.Reason + ")"
	}
	return strings.Join(names, ", ")
}
