package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/profiles/name"
)

// targeting are the targets of one command line.
type targeting struct {
	exclude []string
	// gone says that containers which are named one by one and are not there do not keep the verb from the others; the plan says that they are not.
	// So the command that destroys a range finishes what was interrupted.
	gone bool
}

func (t *targeting) flag(c *cobra.Command) {
	c.Flags().StringArrayVarP(&t.exclude, "exclude", "x", nil, "take these targets away")
}

// choose observes the world and returns it with the names that the targets name among its containers, in natural order. Only for a target that
// asks for verdicts are the containers looked at, all of them.
func (t *targeting) choose(ctx context.Context, m *manager.Manager, args []string) (manager.World, []string, error) {
	w, err := m.Observe()
	if err != nil {
		return w, nil, err
	}
	include, err := parseTargets(args)
	if err != nil {
		return w, nil, err
	}
	exclude, err := parseTargets(t.exclude)
	if err != nil {
		return w, nil, err
	}
	if slices.ContainsFunc(slices.Concat(include, exclude), name.Target.AsksVerdict) {
		if w, err = m.Judge(ctx, w); err != nil {
			return w, nil, err
		}
	}
	names, err := name.Select(include, exclude, w.Subjects())
	if t.gone && errors.Is(err, name.ErrNoMatch) {
		names, err = orGone(w, include, exclude, err)
	}
	return w, names, err
}

// orGone selects as if every container that is named were there, and returns the error if none that is selected is.
func orGone(w manager.World, include, exclude []name.Target, otherwise error) ([]string, error) {
	subjects := w.Subjects()
	for _, t := range include {
		for _, n := range t.Names() {
			if _, ok := w.Find(n); !ok {
				subjects = append(subjects, name.Subject{Name: n})
			}
		}
	}
	names, err := name.Select(include, exclude, subjects)
	for _, n := range names {
		if _, ok := w.Find(n); ok {
			return names, err
		}
	}
	return nil, otherwise
}

func parseTargets(args []string) ([]name.Target, error) {
	var errs []error
	targets := make([]name.Target, 0, len(args))
	for _, arg := range args {
		t, err := name.ParseTarget(arg)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		targets = append(targets, t)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, usage(err)
	}
	return targets, nil
}

// expand returns the names of containers that are to be made: names and ranges only, each once.
func expand(args []string) ([]string, error) {
	seen := map[string]bool{}
	var names []string
	for _, arg := range args {
		expanded, err := name.Expand(arg)
		if err != nil {
			return nil, usage(err)
		}
		for _, n := range expanded {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	if len(names) > name.MaxNames {
		return nil, usage(fmt.Errorf("%w: %d names", name.ErrTooMany, len(names)))
	}
	return names, nil
}

func atLeastOneTarget(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &output.Error{
			Exit: output.ExitUsage, Message: "no target is given",
			Hint: "name containers: web7, 'web<1..100>', 'web*', @tag, profile:web, state:running, patch:stale or all",
		}
	}
	return nil
}

func (a *app) targetsCommand() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "targets TARGET…", Short: "Show which containers targets name", Args: atLeastOneTarget,
		Long:              "Prints the names of the containers that the targets name, one a line.\n\n" + output.ExitStatus(output.ExitUsage, output.ExitNoMatch),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			_, names, err := t.choose(c.Context(), m, args)
			if err != nil {
				return err
			}
			items := make([]target, len(names))
			for i, n := range names {
				items[i] = target{n}
			}
			format := a.format
			if format == output.FormatTable || format == output.FormatWide {
				format = output.FormatName
			}
			return output.List[target]{
				Kind: "TargetList", Items: items, Empty: "no containers",
				Columns: []output.Column[target]{{Header: "name", Cell: func(t target) string { return t.Name }}},
			}.Print(a.printer, format)
		},
	}
	t.flag(c)
	return c
}

type target struct {
	Name string `json:"name"`
}
