package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

type execOptions struct {
	targeting
	fold     bool
	tty      bool
	env      []string
	dir      string
	parallel int
}

func (a *app) execCommand() *cobra.Command {
	var o execOptions
	c := &cobra.Command{
		Use: "exec TARGET… -- COMMAND [ARG…]", Short: "Run a command in containers",
		Long: `Runs a command as root in containers. With several, each line of output is prefixed with the
container's name; --fold prints identical output once, under the names it came from.

` + output.CommandStatus(),
		Example:           "  sysctr exec web7 -- systemctl --failed\n  sysctr exec 'web<1..100>' --fold -- cat /etc/debian_version",
		ValidArgsFunction: a.completeTargets, Annotations: map[string]string{ownCommand: ""},
		RunE: func(c *cobra.Command, args []string) error {
			at := c.ArgsLenAtDash()
			if at < 1 || at == len(args) {
				return ownFailure(usage(errors.New("the command line is TARGET… -- COMMAND [ARG…]")))
			}
			return a.exec(c, args[:at], args[at:], &o)
		},
	}
	o.flag(c)
	f := c.Flags()
	f.BoolVar(&o.fold, "fold", false, "print identical output once")
	f.BoolVarP(&o.tty, "tty", "t", false, "run on a terminal, which must be the standard input here too; one container")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set a variable: KEY=VALUE")
	f.StringVar(&o.dir, "dir", "", "working directory (default /)")
	f.IntVar(&o.parallel, "parallel", 0, "how many containers at a time (default: twice as many as there are processors)")
	return c
}

func (a *app) shellCommand() *cobra.Command {
	return &cobra.Command{
		Use: "shell NAME", Short: "Open a root shell in a container", Args: cobra.ExactArgs(1),
		Long:              "Opens a login shell as root on a terminal of the container's own.\n\n" + output.CommandStatus(),
		ValidArgsFunction: a.completeTargets, Annotations: map[string]string{ownCommand: ""},
		RunE: func(c *cobra.Command, args []string) error {
			return a.exec(c, args, []string{"/bin/bash", "-l"}, &execOptions{tty: term.IsTerminal(int(os.Stdin.Fd())), parallel: 1})
		},
	}
}

func (a *app) exec(c *cobra.Command, args, argv []string, o *execOptions) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return ownFailure(a.translate(err))
	}
	defer done()
	w, names, err := o.choose(c.Context(), m, args)
	if err != nil {
		return ownFailure(a.translate(err))
	}
	if o.parallel == 0 {
		o.parallel = 2 * concurrency()
	}
	run := execution{m: m, world: w, template: lxc.Attach{Argv: within(o.dir, argv), Env: append(environment(), o.env...)}}
	switch {
	case o.tty && len(names) > 1:
		return ownFailure(usage(fmt.Errorf("a terminal is for one container, and these are %d", len(names))))
	case o.tty:
		return ownFailure(run.onTerminal(c.Context(), names[0]))
	case o.fold:
		return ownFailure(a.folded(c.Context(), run, names, o.parallel))
	case len(names) == 1:
		return ownFailure(run.plain(c.Context(), names[0], a.printer))
	default:
		return ownFailure(a.prefixed(c.Context(), run, names, o.parallel))
	}
}

// within has a shell inside enter the directory first. liblxc would run the command in / where it cannot be entered.
func within(dir string, argv []string) []string {
	if dir == "" {
		return argv
	}
	const script = `cd -- "$1" || exit 125; shift; exec "$@"`
	return append([]string{"/bin/sh", "-c", script, "sysctr", dir}, argv...)
}

// environment is what of the operator's own goes inside: how the terminal works and the language.
func environment() []string {
	var env []string
	for _, key := range []string{"TERM", "LANG", "LC_ALL"} {
		if value := os.Getenv(key); value != "" {
			env = append(env, key+"="+value)
		}
	}
	return env
}

// ownFailure gives what is not the command's own status the exit code that tells it from one.
func ownFailure(err error) error {
	if err == nil || output.ExitOfCommand(err) != output.ExitOwn {
		return err
	}
	failure := output.ErrorOf(err)
	return &output.Error{Code: failure.Code, Exit: output.ExitOwn, Message: failure.Message, Hint: failure.Hint, Err: err}
}

// execution is one command for many containers.
type execution struct {
	m        *manager.Manager
	world    manager.World
	template lxc.Attach
}

// run runs the command in one container.
func (e execution) run(ctx context.Context, container string, s lxc.Streams) (int, error) {
	if c, ok := e.world.Find(container); !ok || c.Status.State != record.Running {
		return 0, fmt.Errorf("%s: %w: it is %s", container, lxc.ErrNotRunning, c.Status.State)
	}
	attach := e.template
	attach.Name = container
	return e.m.Exec(ctx, attach, s)
}

func (e execution) plain(ctx context.Context, container string, p *output.Printer) error {
	status, err := e.run(ctx, container, lxc.Streams{In: os.Stdin, Out: p.Out(), Err: p.Err()})
	if err != nil {
		return err
	}
	return output.Status(status)
}

// onTerminal puts our own terminal into raw mode and hands it to the child that relays it.
func (e execution) onTerminal(ctx context.Context, container string) error {
	fd := int(os.Stdin.Fd())
	old, err := term.MakeRaw(fd)
	if err != nil {
		return fmt.Errorf("a terminal is wanted and the standard input is none: %w", err)
	}
	e.template.TTY = true
	status, err := e.run(ctx, container, lxc.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err := errors.Join(err, term.Restore(fd, old)); err != nil {
		return err
	}
	return output.Status(status)
}

func (a *app) prefixed(ctx context.Context, e execution, names []string, parallel int) error {
	return a.each(ctx, e, names, parallel, func(n string) (lxc.Streams, func(int)) {
		out, errs := output.NewPrefixWriter(a.printer.Out(), n), output.NewPrefixWriter(a.printer.Err(), n)
		return lxc.Streams{Out: out, Err: errs}, func(int) { _, _ = out.Close(), errs.Close() }
	})
}

func (a *app) folded(ctx context.Context, e execution, names []string, parallel int) error {
	fold := output.NewFold(output.FoldLimits{})
	err := a.each(ctx, e, names, parallel, func(n string) (lxc.Streams, func(int)) {
		w := fold.Writer(n)
		return lxc.Streams{Out: w, Err: w}, func(status int) { fold.End(n, status) }
	})
	return errors.Join(fold.Print(a.printer.Out()), err)
}

// each runs the command in many containers and returns the highest status, or the failures of ours.
func (a *app) each(ctx context.Context, e execution, names []string, parallel int, open func(string) (lxc.Streams, func(int))) error {
	var (
		mu      sync.Mutex
		highest int
		failed  = make([]error, len(names))
		tokens  = make(chan struct{}, max(1, parallel))
		running sync.WaitGroup
	)
	for i, n := range names {
		tokens <- struct{}{}
		running.Add(1)
		go func() {
			defer running.Done()
			defer func() { <-tokens }()
			streams, end := open(n)
			status, err := e.run(ctx, n, streams)
			end(status)
			mu.Lock()
			defer mu.Unlock()
			failed[i], highest = err, max(highest, status)
		}()
	}
	running.Wait()
	if err := errors.Join(slices.DeleteFunc(failed, func(err error) bool { return err == nil })...); err != nil {
		return err
	}
	return output.Status(highest)
}
