package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/systemd"
)

// app is what the verbs of one command line share.
type app struct {
	dirs    lxc.Dirs
	etc     string // the operator's directory, /etc
	format  output.Format
	quiet   bool
	verbose bool
	printer *output.Printer
}

// Main runs one command line on the process's streams and returns the exit code.
func Main(args []string) int {
	a := &app{dirs: lxc.DefaultDirs(), etc: "/etc", format: output.FormatTable}
	a.printer = a.newPrinter()
	if code, hidden := a.runHidden(args); hidden {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // the second interrupt ends the process at once
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.printer.Fail(a.format, a.translate(err))
}

func (a *app) newPrinter() *output.Printer {
	return output.New(output.Options{
		Stdout: os.Stdout, Stderr: os.Stderr, StdoutColumns: columns(os.Stdout), StderrColumns: columns(os.Stderr),
		Quiet: a.quiet, Verbose: a.verbose,
	})
}

// columns returns the width of a terminal, nil for what is none.
func columns(f *os.File) func() int {
	if !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil {
			return 0
		}
		return width
	}
}

const long = `sysctr manages long-lived system containers that share the host's own root
filesystem: / is their read-only lower layer, and each owns only a small delta.

Targets are the same in every verb, and several are a union:
  web7  'web<1..100>'  web[1-100]  web{1..100}  'web*'  @tag
  profile:web  state:running  patch:stale  all      -x TARGET takes away`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "sysctr", Short: "System containers on the host's own root", Long: long,
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		PersistentPreRun: func(*cobra.Command, []string) { a.printer = a.newPrinter() },
		RunE:             func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	flags := root.PersistentFlags()
	flags.VarP(&a.format, "output", "o", "how results are written: table, wide, json, yaml or name")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but results and errors")
	flags.BoolVarP(&a.verbose, "verbose", "v", false, "say each target that is done")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	for _, g := range []cobra.Group{
		{ID: "lifecycle", Title: "Lifecycle:"}, {ID: "see", Title: "See:"}, {ID: "enter", Title: "Enter:"},
		{ID: "patch", Title: "Patches of the host:"}, {ID: "host", Title: "Profiles and host:"},
	} {
		root.AddGroup(&g)
	}
	a.add(root, "lifecycle", a.createCommand(), a.ensureCommand(), a.applyCommand(), a.startCommand(), a.stopCommand(), a.restartCommand(), a.killCommand(), a.freezeCommand(),
		a.thawCommand(), a.destroyCommand(), a.waitCommand())
	a.add(root, "see", a.listCommand(), a.showCommand(), a.logsCommand(), a.topCommand(), a.metricsCommand(), a.targetsCommand(), a.netCommand(), a.deltaCommand(), a.versionCommand())
	a.add(root, "enter", a.execCommand(), a.shellCommand(), a.consoleCommand(), a.cpCommand())
	a.add(root, "patch", a.patchCommand(), a.hookCommand())
	a.add(root, "host", a.profileCommand(), a.hostCommand(), a.doctorCommand())
	a.completeFlags(root)
	return root
}

func (a *app) add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		checkArguments(c)
		root.AddCommand(c)
	}
}

// usage marks an error as the caller's.
func usage(err error) error {
	return &output.Error{Exit: output.ExitUsage, Hint: "see 'sysctr help'", Err: err}
}

// open opens the manager for a verb that needs root.
func (a *app) open(ctx context.Context) (*manager.Manager, func(), error) {
	if os.Geteuid() != 0 {
		return nil, nil, &output.Error{Message: "containers are root's", Hint: "run it with sudo"}
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find the own program: %w", err)
	}
	config := manager.Config{Dirs: a.dirs, Library: a.library(), Pool: idrange.Default(), Binary: binary, Looker: "/proc/self/exe"}
	closeUnits := func() {}
	if systemd.Booted("/") {
		units, err := newUnits(ctx)
		if err != nil {
			return nil, nil, err
		}
		config.Units, closeUnits = units, units.close
	}
	m, err := manager.Open(config)
	if err != nil {
		closeUnits()
		return nil, nil, err
	}
	return m, func() { closeUnits(); _ = m.Close() }, nil
}

func (a *app) library() profiles.Library { return profiles.Open(a.etc + "/sysctr/profiles") }

// errUsage matches errors that cobra makes of a wrong command line; it has no type for them.
func isUnknownCommand(err error) bool {
	var own *output.Error
	return err != nil && !errors.As(err, &own) && len(err.Error()) > 15 && err.Error()[:15] == "unknown command"
}
