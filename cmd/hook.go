package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/hooks"
	"github.com/sysctr/sysctr/systemd"
)

func (a *app) hookCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "hook", Short: "Have package managers say when they have changed something", Args: cobra.NoArgs,
		Long: `Package managers are made to run a short shell script, pkg-hook, when they have finished. It leaves a
mark at /run/sysctr/host/pending and does nothing else: it never fails, waits or prints, and where
there is no /run/sysctr/host, as in a container, it does not even that. What follows from the mark is
the business of 'sysctr patch refresh'.

Hooks get lost, so a refresh is also started by changes of the package database, every hour and at
boot; where systemd is not PID 1, cron does so every hour. A further drop-in has needrestart leave
containers alone.

The drop-ins of apt, dpkg and needrestart are tested with these; those of dnf4, dnf5, zypper, pacman,
apk and cron are not run on a host of its own yet. A package of sysctr for rpm should poke from its
file triggers.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.hookInstall(), a.hookRemove(), a.hookStatus(), a.hookPoke())
	return c
}

// hookChange is what install and remove differ in.
type hookChange struct {
	action  string
	changes func(hooks.State, bool) bool
	apply   func(root string, d hooks.DropIn, force bool) (bool, error)
}

func hookInstalling() hookChange { return hookChange{"install", hooks.State.Installs, hooks.Install} }
func hookRemoving() hookChange   { return hookChange{"remove", hooks.State.Removes, hooks.Remove} }

func (a *app) hookInstall() *cobra.Command {
	return a.hookVerb(&cobra.Command{
		Use: "install", Short: "Install the drop-ins of the package managers that the host has", Args: cobra.NoArgs,
		Long: `Writes a drop-in for each package manager that the host has, and one that keeps needrestart from
restarting containers. 'host init' does so too. A drop-in that somebody else has written or edited is
left alone unless --force is given.

` + hookCodes(),
	}, func() (hookChange, error) { return hookInstalling(), a.hookScriptThere() })
}

func (a *app) hookRemove() *cobra.Command {
	return a.hookVerb(&cobra.Command{
		Use: "remove", Short: "Remove the drop-ins", Args: cobra.NoArgs,
		Long: `Removes the drop-ins. One that somebody else has written or edited is left alone unless --force is
given. 'host remove' does so too.

` + hookCodes(),
	}, func() (hookChange, error) { return hookRemoving(), nil })
}

func hookCodes() string {
	return output.ExitStatus(output.ExitError, output.ExitPartial, output.ExitExists, output.ExitHost)
}

func (a *app) hookVerb(c *cobra.Command, what func() (hookChange, error)) *cobra.Command {
	var dryRun, force bool
	c.RunE = func(*cobra.Command, []string) error {
		change, err := what()
		if err != nil {
			return err
		}
		if os.Geteuid() != 0 && !dryRun {
			return &output.Error{Message: "package managers are configured by root", Hint: "run it with sudo"}
		}
		items, err := a.changeHooks(change, force, dryRun)
		if err != nil {
			return err
		}
		r := output.Result{DryRun: dryRun, Items: items}
		return errors.Join(a.printer.Result(a.format, r), r.Status())
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	c.Flags().BoolVar(&force, "force", false, "also where somebody else has written or edited a drop-in")
	return c
}

// changeHooks does it to each drop-in that the host has or needs; one that fails does not stop the others.
func (a *app) changeHooks(change hookChange, force, dryRun bool) ([]output.Item, error) {
	all, err := hooks.DropIns(hookScript())
	if err != nil {
		return nil, err
	}
	items := []output.Item{}
	for _, d := range all {
		state, err := hooks.Look("/", d)
		if err == nil && state == hooks.Unneeded {
			continue
		}
		item := output.Item{Name: d.Name, Action: "none", State: string(state)}
		if err == nil && change.changes(state, force) {
			item.Action, item.Changed = change.action, true
		}
		if err == nil && !dryRun {
			if item.Changed, err = change.apply("/", d, force); err == nil {
				state, err = hooks.Look("/", d)
			}
			item.State = string(state)
		} else if err == nil && state.Theirs() && !force {
			err = fmt.Errorf("%s %w", d.Path, hooks.ErrTheirs)
		}
		item.Ready = err == nil && state == hooks.Current
		item.Error = output.ErrorOf(a.translate(err))
		items = append(items, item)
	}
	return items, nil
}

// hookScript is where 'make install' puts the script: beside the program's own directory.
func hookScript() string {
	return filepath.Join(filepath.Dir(filepath.Dir(self())), "lib", "sysctr", "pkg-hook")
}

// hookScriptThere says that there is a script for drop-ins to name.
func (a *app) hookScriptThere() error {
	script := hookScript()
	if err := unix.Access(script, unix.X_OK); err != nil {
		return &output.Error{Exit: output.ExitHost, Message: "there is no script " + script, Hint: "install sysctr with 'make install'", Err: err}
	}
	return nil
}

type hookState struct {
	Name  string `json:"name"`
	Path  string `json:"path"`
	State string `json:"state"`
}

func (a *app) hookStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show which drop-ins the host has", Args: cobra.NoArgs,
		Long: `Shows the drop-in of each package manager that the host has: current, absent, outdated (of another
version of sysctr), edited, or foreign (somebody else's); the script that they run; and what a
refresh that is at work waits for.

` + output.ExitStatus(output.ExitError, output.ExitHost),
		RunE: func(*cobra.Command, []string) error {
			items, good, err := a.hookStates()
			if err != nil {
				return err
			}
			err = output.List[hookState]{Kind: "HookList", Items: items, Columns: []output.Column[hookState]{
				{Header: "name", Cell: func(h hookState) string { return h.Name }},
				{Header: "state", Cell: func(h hookState) string { return h.State }},
				{Header: "path", Cell: func(h hookState) string { return h.Path }, Elastic: true},
			}}.Print(a.printer, a.format)
			if err != nil || good {
				return err
			}
			a.printer.Warn("not all package managers say when they have changed something; see 'sysctr hook install'")
			return output.Status(output.ExitHost)
		},
	}
}

// hookStates looks at the drop-ins and the script, and says whether all that are needed are as they should be.
func (a *app) hookStates() (items []hookState, good bool, err error) {
	all, err := hooks.DropIns(hookScript())
	if err != nil {
		return nil, false, err
	}
	good = true
	for _, d := range all {
		state, err := hooks.Look("/", d)
		if err != nil {
			return nil, false, err
		}
		if state == hooks.Unneeded {
			continue
		}
		good = good && state == hooks.Current
		items = append(items, hookState{Name: d.Name, Path: d.Path, State: string(state)})
	}
	script := hookState{Name: "script", Path: hookScript(), State: string(hooks.Current)}
	if a.hookScriptThere() != nil {
		script.State, good = string(hooks.Absent), false
	}
	items = append(items, script)
	reason, err := hooks.Dir(a.dirs.Host()).Waits()
	if err == nil && reason != "" {
		a.printer.Say("%s", output.Clean(reason))
	}
	return items, good, ignorePermission(err)
}

// ignorePermission takes away the error of who is not root.
func ignorePermission(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func (a *app) hookPoke() *cobra.Command {
	var source string
	c := &cobra.Command{
		Use: "poke --source S", Short: "Leave the mark that asks for a refresh", Args: cobra.NoArgs,
		Long: `Does what the script does, for package managers that sysctr has no drop-in for. It returns at once;
where systemd is not PID 1 it leaves a refresh at work behind.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitHost),
		RunE: func(*cobra.Command, []string) error {
			if !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`).MatchString(source) {
				return usage(fmt.Errorf("source %q: want a word of up to 32 letters, digits and -", source))
			}
			if err := hooks.Dir(a.dirs.Host()).Poke(source); err != nil {
				return a.unprepared(err)
			}
			if systemd.Booted("/") {
				return nil // sysctr-refresh.path sees the mark
			}
			return startRefresh()
		},
	}
	c.Flags().StringVar(&source, "source", "", "who asks: a word, such as the package manager's name")
	return c
}

// unprepared says what to do about a host without the directory of the mark.
func (a *app) unprepared(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &output.Error{Exit: output.ExitHost, Message: "the host is not prepared", Hint: "run 'sysctr host init'", Err: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &output.Error{Message: "the mark is root's to leave", Hint: "run it with sudo", Err: err}
	}
	return err
}

// startRefresh leaves a refresh at work behind, of which the caller is not the parent for long.
func startRefresh() error {
	cmd := exec.Command(self(), "patch", "refresh", "--detached") //nolint:noctx // it outlives us
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start a refresh: %w", err)
	}
	return cmd.Process.Release()
}
