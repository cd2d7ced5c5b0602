package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/systemd"
)

func (a *app) hostCommand() *cobra.Command {
	c := &cobra.Command{Use: "host", Short: "Prepare the host", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.hostInit(), a.hostStatus(), a.hostRemove())
	return c
}

func (a *app) hostInit() *cobra.Command {
	var boot, noHooks bool
	c := &cobra.Command{
		Use: "init", Short: "Prepare or repair the host", Args: cobra.NoArgs,
		Long: `Makes what containers need of the host: its directories, the run directory's tmpfs, the user
that owns nothing, the range of ids (reserved in /etc/subuid and /etc/subgid), and the limits of
the kernel that all containers share (raised in /etc/sysctl.d/10-sysctr.conf, never lowered). The
bridge sysctr0, its rules of nftables, and a block in /etc/hosts give containers a network, whose
subnets /etc/sysctr/config.yaml may choose; the kernel is told to route. What is right already is
left alone, so it also repairs. Package managers are made to say when they have changed something,
see sysctr-hook(8).

` + output.ExitStatus(output.ExitError, output.ExitHost),
		RunE: func(c *cobra.Command, _ []string) error { return a.initHost(c.Context(), boot, !boot && !noHooks) },
	}
	c.Flags().BoolVar(&noHooks, "no-hooks", false, "leave the configuration of package managers alone")
	c.Flags().BoolVar(&boot, "boot", false, "say only what is wrong (for sysctr-host.service)")
	return c
}

// initHost prepares the host, on its way up if boot is set.
func (a *app) initHost(ctx context.Context, boot, hooks bool) error {
	if os.Geteuid() != 0 {
		return &output.Error{Message: "the host is root's to prepare", Hint: "run it with sudo"}
	}
	items, err := a.prepareHost(ctx)
	if !boot && systemd.Booted("/") {
		changed, unitsErr := enableUnits(ctx)
		items, err = append(items, prepared("units", changed)), errors.Join(err, unitsErr)
	}
	if err != nil {
		return &output.Error{Exit: output.ExitHost, Message: "the host cannot be prepared: " + err.Error(), Hint: "see 'sysctr doctor'", Err: err}
	}
	a.sweep()
	a.publish(ctx)
	if hooks {
		items = append(items, a.hostHooks()...)
	}
	if boot {
		return nil
	}
	a.printer.Say("the host is ready")
	if a.format.Structured() {
		return a.printer.Result(a.format, output.Result{Items: items})
	}
	return nil
}

// sweep removes what killed commands left. It needs no systemd, which may be about to boot.
func (a *app) sweep() {
	m, err := manager.Open(manager.Config{Dirs: a.dirs})
	if err == nil {
		err = errors.Join(m.Sweep(), m.Close())
	}
	if err != nil {
		a.printer.Warn("%v", err)
	}
}

// prepared is one thing that a host needs, as the result of host init lists it.
func prepared(name string, changed bool) output.Item {
	item := output.Item{Name: name, Action: "none", Changed: changed, State: "prepared", Ready: true}
	if changed {
		item.Action = "prepare"
	}
	return item
}

// hostHooks installs the drop-ins. A host without them is slower to see a patch, and prepared nevertheless: what fails is a warning and no item.
func (a *app) hostHooks() (good []output.Item) {
	err := a.hookScriptThere()
	var items []output.Item
	if err == nil {
		items, err = a.changeHooks(hookInstalling(), false, false)
	}
	if err != nil {
		a.printer.Warn("package managers will not say when they have changed something: %v", err)
	}
	for _, i := range items {
		switch {
		case i.Error != nil:
			a.printer.Warn("hook of %s: %s; see 'sysctr hook install'", i.Name, i.Error.Message)
			continue
		case i.Changed:
			a.printer.Say("hook of %s: made", i.Name)
		}
		i.Name = "hook of " + i.Name
		good = append(good, i)
	}
	return good
}

// unhook removes the drop-ins and returns those that it leaves.
func (a *app) unhook() (kept []string) {
	items, err := a.changeHooks(hookRemoving(), false, false)
	if err != nil {
		return []string{"the hooks: " + err.Error()}
	}
	for _, i := range items {
		if i.Error != nil {
			kept = append(kept, fmt.Sprintf("the hook of %s: %s", i.Name, i.Error.Message))
		}
	}
	return kept
}

// prepareHost makes what the host needs, and says what it made.
func (a *app) prepareHost(ctx context.Context) (items []output.Item, err error) {
	config, err := profiles.ReadConfig(a.etc + "/sysctr/config.yaml")
	errs := []error{err}
	for _, p := range manager.Prepare(ctx, a.dirs, idrange.Default(), a.etc, config.Network) {
		switch {
		case p.Err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, p.Err))
		case p.Detail != "":
			a.printer.Say("%s: %s", p.Name, p.Detail)
		case p.Changed:
			a.printer.Say("%s: made", p.Name)
		}
		items = append(items, prepared(p.Name, p.Changed))
	}
	return items, errors.Join(errs...)
}

// enableUnits has the target of all containers start with the host, and the unit files read. What watches for patches starts at once.
func enableUnits(ctx context.Context) (bool, error) {
	u, err := newUnits(ctx)
	if err != nil {
		return false, err
	}
	defer u.close()
	if err := u.conn.Reload(ctx); err != nil {
		return false, err
	}
	changed, err := u.conn.Enable(ctx, append(systemd.Watchers(), systemd.Target))
	if err != nil {
		return false, fmt.Errorf("enable sysctr's units (was sysctr installed by 'make install'?): %w", err)
	}
	if err := u.reload(ctx, changed); err != nil {
		return false, err
	}
	var errs []error
	u.conn.Start(ctx, systemd.Watchers(), func(_ string, result error) { errs = append(errs, result) })
	return changed, errors.Join(errs...)
}

// disableUnits is the reverse, and has systemd forget that the host was prepared.
func disableUnits(ctx context.Context) error {
	u, err := newUnits(ctx)
	if err != nil {
		return err
	}
	defer u.close()
	_, err = u.conn.Disable(ctx, append(systemd.Watchers(), systemd.Target))
	errs := []error{err}
	stop := append(systemd.Watchers(), systemd.RefreshUnit, systemd.Target, systemd.HostUnit)
	u.conn.Stop(ctx, stop, func(_ string, result error) { errs = append(errs, result) })
	return errors.Join(errs...)
}

func (a *app) hostStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show whether the host is prepared", Args: cobra.NoArgs,
		Long: "Shows what 'sysctr doctor' finds.\n\n" + output.ExitStatus(output.ExitHost),
		RunE: func(*cobra.Command, []string) error { return a.diagnose(&doctorOptions{profile: "system"}) },
	}
}

func (a *app) hostRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove", Short: "Take back what 'host init' made", Args: cobra.NoArgs,
		Long: "Removes what 'host init' made, when no containers are left, and says what it keeps: profiles and packages.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitBusy),
		RunE: func(c *cobra.Command, _ []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			w, err := m.Observe()
			if err != nil {
				return err
			}
			if n := len(w.Containers); n > 0 {
				return &output.Error{Exit: output.ExitBusy, Message: fmt.Sprintf("there are %d containers", n), Hint: "sysctr destroy all --yes --force"}
			}
			if systemd.Booted("/") {
				if err := disableUnits(c.Context()); err != nil {
					return err
				}
			}
			left := a.unhook()
			kept, err := m.RemoveHost(a.etc)
			kept = append(left, kept...)
			for _, k := range kept {
				a.printer.Say("kept: %s", k)
			}
			return err
		},
	}
}
