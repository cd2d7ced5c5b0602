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
	"github.com/sysctr/sysctr/systemd"
)

func (a *app) hostCommand() *cobra.Command {
	c := &cobra.Command{Use: "host", Short: "Prepare the host", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.hostInit(), a.hostStatus(), a.hostRemove())
	return c
}

func (a *app) hostInit() *cobra.Command {
	var boot bool
	c := &cobra.Command{
		Use: "init", Short: "Prepare or repair the host", Args: cobra.NoArgs,
		Long: `Makes what containers need of the host: its directories, the run directory's tmpfs, the user
that owns nothing, the range of ids (reserved in /etc/subuid and /etc/subgid), and the limits of
the kernel that all containers share (raised in /etc/sysctl.d/10-sysctr.conf, never lowered). What
is right already is left alone, so it also repairs.

` + output.ExitStatus(output.ExitError, output.ExitHost),
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Geteuid() != 0 {
				return &output.Error{Message: "the host is root's to prepare", Hint: "run it with sudo"}
			}
			var errs []error
			for _, p := range manager.Prepare(a.dirs, idrange.Default(), a.etc) {
				switch {
				case p.Err != nil:
					errs = append(errs, fmt.Errorf("%s: %w", p.Name, p.Err))
				case p.Changed && p.Detail != "":
					a.printer.Say("%s: %s", p.Name, p.Detail)
				case p.Changed:
					a.printer.Say("%s: made", p.Name)
				}
			}
			if !boot && systemd.Booted("/") {
				errs = append(errs, enableTarget(c.Context()))
			}
			if err := errors.Join(errs...); err != nil {
				return &output.Error{Exit: output.ExitHost, Message: "the host cannot be prepared: " + err.Error(), Hint: "see 'sysctr doctor'", Err: err}
			}
			a.publish(c.Context())
			if !boot {
				a.printer.Say("the host is ready")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&boot, "boot", false, "say only what is wrong (for sysctr-host.service)")
	return c
}

// enableTarget has the target of all containers start with the host, and the unit files read.
func enableTarget(ctx context.Context) error {
	u, err := newUnits(ctx)
	if err != nil {
		return err
	}
	defer u.close()
	if err := u.conn.Reload(ctx); err != nil {
		return err
	}
	changed, err := u.conn.Enable(ctx, []string{systemd.Target})
	if err != nil {
		return fmt.Errorf("enable %s (was sysctr installed by 'make install'?): %w", systemd.Target, err)
	}
	return u.reload(ctx, changed)
}

// disableTarget is the reverse, and has systemd forget that the host was prepared.
func disableTarget(ctx context.Context) error {
	u, err := newUnits(ctx)
	if err != nil {
		return err
	}
	defer u.close()
	_, err = u.conn.Disable(ctx, []string{systemd.Target})
	errs := []error{err}
	u.conn.Stop(ctx, []string{systemd.Target, systemd.HostUnit}, func(_ string, result error) { errs = append(errs, result) })
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
				if err := disableTarget(c.Context()); err != nil {
					return err
				}
			}
			kept, err := m.RemoveHost(a.etc)
			for _, k := range kept {
				a.printer.Say("kept: %s", k)
			}
			return err
		},
	}
}
