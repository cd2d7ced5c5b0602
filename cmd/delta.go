package cmd

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/overlay/delta"
)

func (a *app) deltaCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "delta", Short: "Look into deltas, and take parts out of them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.deltaUsage(), a.deltaDiff(), a.deltaShadows(), a.deltaReset())
	return c
}

type deltaUse struct {
	Name   string `json:"name"`
	Disk   int64  `json:"disk"`  // bytes
	Trash  int64  `json:"trash"` // of these
	Inodes int64  `json:"inodes"`
}

func (a *app) deltaUsage() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "usage TARGET…", Short: "Show what deltas take on disk", Args: atLeastOneTarget, ValidArgsFunction: a.completeTargets,
		Long: "Shows the disk space and inodes of each delta, and how much of that is trash of resets.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		RunE: func(c *cobra.Command, args []string) error {
			return a.lookAt(c, &t, args, func(m *manager.Manager, names []string) error {
				items := make([]deltaUse, len(names))
				for i, n := range names {
					parts, err := m.DeltaUsage(c.Context(), n)
					if err != nil {
						return err
					}
					total := parts.Total()
					items[i] = deltaUse{Name: n, Disk: total.Disk, Trash: parts.Trash.Disk, Inodes: total.Inodes}
				}
				return output.List[deltaUse]{Kind: "DeltaUsageList", Items: items, Empty: "no containers", Columns: []output.Column[deltaUse]{
					{Header: "name", Cell: func(d deltaUse) string { return d.Name }},
					{Header: "disk", Cell: func(d deltaUse) string { return output.Size(d.Disk) }, Right: true},
					{Header: "trash", Cell: func(d deltaUse) string { return output.Size(d.Trash) }, Right: true},
					{Header: "inodes", Cell: func(d deltaUse) string { return strconv.FormatInt(d.Inodes, 10) }, Right: true},
				}}.Print(a.printer, a.format)
			})
		},
	}
	t.flag(c)
	return c
}

type deltaChange struct {
	Path   string   `json:"path"` // bytes that are not UTF-8 are escaped
	Class  string   `json:"class"`
	Fields []string `json:"fields"`
	Bytes  int64    `json:"bytes"`
}

func (a *app) deltaDiff() *cobra.Command {
	c := &cobra.Command{
		Use: "diff NAME", Short: "Show in what a container differs from the host", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeTargets,
		Long: `Lists what the container added, changed or removed, and of what only the metadata differs. It
looks at the delta and at what is below each of its paths, never at the whole host.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		RunE: func(c *cobra.Command, args []string) error {
			return a.lookAt(c, &targeting{}, args, func(m *manager.Manager, names []string) error {
				if len(names) != 1 {
					return usage(errors.New("diff looks at one container"))
				}
				items := []deltaChange{}
				err := m.DeltaDiff(c.Context(), names[0], func(change delta.Change) error {
					items = append(items, deltaChange{
						Path: output.Clean(change.Path), Class: string(change.Class), Bytes: change.Bytes,
						Fields: append([]string{}, change.Fields...),
					})
					return nil
				})
				if err != nil {
					return err
				}
				return output.List[deltaChange]{Kind: "DeltaChangeList", Items: items, Empty: "no differences", Columns: []output.Column[deltaChange]{
					{Header: "path", Cell: func(d deltaChange) string { return d.Path }},
					{Header: "class", Cell: func(d deltaChange) string { return d.Class }},
					{Header: "differs in", Cell: func(d deltaChange) string { return strings.Join(d.Fields, ",") }, Elastic: true},
					{Header: "disk", Cell: func(d deltaChange) string { return output.Size(d.Bytes) }, Right: true},
				}}.Print(a.printer, a.format)
			})
		},
	}
	return c
}

func (a *app) deltaReset() *cobra.Command {
	var o changing
	var purge bool
	c := &cobra.Command{
		Use: "reset TARGET… [PATH…]", Short: "Take parts out of the deltas of stopped containers", Args: atLeastOneTarget,
		ValidArgsFunction: a.completeTargets,
		Long: `Takes paths (they begin with /) out of the deltas of stopped containers, so that these show there what
the host has; all of the delta without a path. What is taken is kept in the delta's trash for 30
days; --purge empties the trash instead, for ever.

` + codes(),
		Example: "  sysctr delta reset web7 /etc/nginx /usr/lib/x86_64-linux-gnu/libssl.so.3\n  sysctr delta reset web7 --purge",
		RunE: func(c *cobra.Command, args []string) error {
			var targets, paths []string
			for _, arg := range args {
				if strings.HasPrefix(arg, "/") {
					paths = append(paths, arg)
				} else {
					targets = append(targets, arg)
				}
			}
			if err := atLeastOneTarget(c, targets); err != nil {
				return err
			}
			if purge && len(paths) > 0 {
				return usage(errors.New("--purge empties the whole trash and takes no path"))
			}
			v := verb{manager.PlanReset, func(m *manager.Manager, ctx context.Context, p manager.Plan, how manager.Apply) []manager.Outcome {
				return m.Reset(ctx, p, paths, how)
			}}
			if purge {
				v = verb{manager.PlanPurge, (*manager.Manager).Purge}
			}
			return a.change(c, targets, &o, v)
		},
	}
	o.flag(c)
	o.flags(c, false)
	c.Flags().BoolVar(&purge, "purge", false, "empty the trash of earlier resets")
	return c
}

// lookAt runs f with the manager and the containers that the targets name.
func (a *app) lookAt(c *cobra.Command, t *targeting, args []string, f func(*manager.Manager, []string) error) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	_, names, err := t.choose(c.Context(), m, args)
	if err != nil {
		return err
	}
	return f(m, names)
}
