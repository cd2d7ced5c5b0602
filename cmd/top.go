package cmd

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
)

// How long one answer may take: the processor is watched for a window, and deltas are measured until the answer is due.
const (
	topWindow = 300 * time.Millisecond
	topBudget = 600 * time.Millisecond
)

type topOptions struct {
	targeting
	sort     order
	interval time.Duration
}

func (a *app) topCommand() *cobra.Command {
	o := topOptions{sort: byCPU}
	c := &cobra.Command{
		Use: "top [TARGET…]", Short: "Show what containers use, the largest first",
		Long: `Shows processor time (100% is one processor), memory with its page cache, processes, disk traffic
and what the delta takes on disk. On a terminal the table is drawn again and again: q ends it,
and c m p i d n sort it by cpu, memory, pids, io, delta, name. Elsewhere, and with -o, it is
printed once.

Nobody inside is asked. Deltas are measured in the background, so their figures can be older, and
missing for the first moments. Under cgroup v1 writes through the page cache are not counted.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		Example:           "  sysctr top\n  sysctr top @web --sort memory\n  sysctr top -o json",
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			if o.interval < 200*time.Millisecond {
				return usage(fmt.Errorf("--interval is %v; the shortest is 200ms", o.interval))
			}
			return a.top(c, args, &o)
		},
	}
	o.flag(c)
	f := c.Flags()
	f.VarP(&o.sort, "sort", "s", strings.Join(orders(), ", "))
	f.DurationVar(&o.interval, "interval", 2*time.Second, "time between two looks")
	_ = c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(orders(), cobra.ShellCompDirectiveNoFileComp)) // fails only for a flag that does not exist
	return c
}

func (a *app) top(c *cobra.Command, args []string, o *topOptions) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	v := &topView{m: m, options: o, args: args, sizes: m.Sizes()}
	if a.format == output.FormatTable && !c.Flags().Changed("output") && term.IsTerminal(int(os.Stdout.Fd())) {
		return v.live(c.Context(), os.Stdin, os.Stdout)
	}
	rows, err := v.once(c.Context())
	if err != nil {
		return err
	}
	return output.List[figures]{Kind: "FigureList", Items: rows, Columns: figureColumns(), Empty: "no containers"}.Print(a.printer, a.format)
}

// topView is one run of the verb.
type topView struct {
	m       *manager.Manager
	options *topOptions
	args    []string
	sizes   *manager.Sizes

	before manager.Sample
}

// look observes the containers and takes a sample.
func (v *topView) look(ctx context.Context) ([]manager.Container, manager.Sample, error) {
	found, err := v.options.among(ctx, v.m, v.args)
	if err != nil {
		return nil, nil, err
	}
	return found, v.m.Sample(found), nil
}

// once takes two samples and measures as many deltas as the time allows.
func (v *topView) once(ctx context.Context) ([]figures, error) {
	found, before, err := v.look(ctx)
	if err != nil {
		return nil, err
	}
	measuring, cancel := context.WithTimeout(ctx, topBudget)
	defer cancel()
	measured := make(chan struct{})
	go func() { v.sizes.Measure(measuring, found); close(measured) }()
	select {
	case <-time.After(topWindow):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	now := v.m.Sample(found)
	<-measured
	rows := figuresOf(found, before, now, v.sizes.Of)
	v.options.sort.sort(rows)
	return rows, nil
}
