package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
)

type logsOptions struct {
	targeting
	follow, console bool
	lines           int
	since           string
}

func (a *app) logsCommand() *cobra.Command {
	var o logsOptions
	c := &cobra.Command{
		Use: "logs TARGET…", Short: "Show what containers say", Args: atLeastOneTarget,
		Long: `Shows the end of each container's journal; of one that keeps none, such as a command, what it wrote
to its console. Nobody inside is asked, so it works for containers that hang or are stopped too.
Of both the newest part is kept over restarts: 16 MB of the journal, 1 MB of the console. Colours
and other control sequences of the console are left out. With several containers each line is
prefixed with the container's name.

--since takes an age (90s, 15m, 2h, 7d), a time of today (15:04), a day (2006-01-02), both with a
blank between, or RFC 3339; a console knows no times.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitNoMatch, output.ExitInterrupted),
		Example:           "  sysctr logs web7\n  sysctr logs 'web*' --since 10m -f\n  sysctr logs web7 --console --lines 0",
		ValidArgsFunction: a.completeTargets,
		RunE:              func(c *cobra.Command, args []string) error { return a.logs(c, args, &o) },
	}
	o.flag(c)
	f := c.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what comes, over restarts, until interrupted")
	f.IntVarP(&o.lines, "lines", "n", 100, "the last lines of each container; 0 for all that is kept")
	f.BoolVar(&o.console, "console", false, "the console, also of containers that keep a journal")
	f.StringVar(&o.since, "since", "", "nothing older than this age or time")
	return c
}

func (a *app) logs(c *cobra.Command, args []string, o *logsOptions) error {
	l := logging{logsOptions: o}
	switch {
	case o.lines < 0:
		return usage(fmt.Errorf("--lines is %d; it is a number of lines, or 0", o.lines))
	case o.since != "" && o.console:
		return usage(errors.New("a console knows no times; leave --since or --console away"))
	case o.since != "":
		var err error
		if l.since, err = parseSince(o.since, time.Now()); err != nil {
			return usage(err)
		}
	}
	m, done, err := a.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	w, names, err := o.choose(c.Context(), m, args)
	if err != nil {
		return err
	}
	l.m, l.a = m, a
	return l.all(c.Context(), w, names)
}

// logging is one run of the verb.
type logging struct {
	*logsOptions
	a     *app
	m     *manager.Manager
	since time.Time
}

// all shows many containers side by side: followed ones all at once, else a few at a time.
func (l logging) all(ctx context.Context, w manager.World, names []string) error {
	failed := make([]error, len(names))
	tokens := make(chan struct{}, 2*concurrency())
	var running sync.WaitGroup
	for i, n := range names {
		if !l.follow {
			tokens <- struct{}{}
		}
		running.Add(1)
		go func() {
			defer running.Done()
			out := output.NewLineWriter(l.a.printer.Out())
			if len(names) > 1 {
				out = output.NewPrefixWriter(l.a.printer.Out(), n)
			}
			container, _ := w.Find(n)
			if err := errors.Join(l.one(ctx, container, out), out.Close()); err != nil {
				failed[i] = fmt.Errorf("%s: %w", n, err)
			}
			if !l.follow {
				<-tokens
			}
		}()
	}
	running.Wait()
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	if len(failed) > 0 && len(names) > 1 {
		return &output.Error{Exit: output.ExitPartial, Err: errors.Join(failed...)}
	}
	return errors.Join(failed...)
}

// one shows the journal or the console of a container.
func (l logging) one(ctx context.Context, c manager.Container, w io.Writer) error {
	q := manager.JournalQuery{Lines: l.lines, Since: l.since}
	stopped := c.Status.State == record.Stopped
	switch {
	case l.console || len(c.Record.Spec.Command) > 0:
	case l.follow && (l.m.HasJournal(c) || stopped): // a stopped one will have it when it runs
		return l.m.FollowJournal(ctx, c, q, w)
	case l.follow:
		l.a.printer.Say("%s: it keeps no journal on disk; this is its console", c.Name)
	default:
		_, err := l.m.Journal(ctx, c, q, w)
		if !errors.Is(err, manager.ErrNoJournal) {
			return err
		}
		if !stopped {
			l.a.printer.Say("%s: it keeps no journal on disk; this is its console", c.Name)
		}
	}
	if !l.since.IsZero() {
		return errors.New("only its console is kept, which knows no times; leave --since away")
	}
	w = output.NewPlainWriter(w)
	if l.follow {
		return l.m.FollowConsole(ctx, c, l.lines, w)
	}
	err := l.m.Console(c, l.lines, w)
	if errors.Is(err, manager.ErrNoConsole) && stopped {
		return nil // it has said nothing yet
	}
	return err
}

// parseSince understands an age or a point in time, in the local zone of now if it names none.
func parseSince(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return now.Add(-age), nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			year, month, day := now.Date()
			return time.Date(year, month, day, t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil && t.Year() > 0 {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since is %q; it is an age such as 15m or 7d, or a time such as 15:04 or 2006-01-02", text)
}
