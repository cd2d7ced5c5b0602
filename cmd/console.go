package cmd

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager/lxc"
)

func (a *app) consoleCommand() *cobra.Command {
	return &cobra.Command{
		Use: "console NAME", Short: "Sit at the console of a container", Args: cobra.ExactArgs(1),
		Long: `Connects the terminal with the container's console: what the command of a command container reads
and writes. Ctrl-] leaves it; the container goes on. One at a time can sit there.

A system container only writes to its console: no login waits there, and 'sysctr shell' is what
you want. What was written before, 'sysctr logs --console' shows.

` + output.CommandStatus(),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			if !term.IsTerminal(int(os.Stdin.Fd())) {
				return ownFailure(usage(errors.New("a console needs a terminal, and the standard input is none; 'sysctr logs --console' shows it")))
			}
			return a.atConsole(c, args)
		},
	}
}

func (a *app) atConsole(c *cobra.Command, args []string) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return ownFailure(a.translate(err))
	}
	defer done()
	w, names, err := (&targeting{}).choose(c.Context(), m, args)
	if err != nil {
		return ownFailure(a.translate(err))
	}
	if len(names) != 1 {
		return ownFailure(usage(errors.New("one container has a console, and these are several")))
	}
	a.printer.Say("at the console of %s; Ctrl-] leaves it", names[0])
	run := execution{m: m, world: w, template: lxc.Attach{Console: true}}
	return ownFailure(run.onTerminal(c.Context(), names[0]))
}
