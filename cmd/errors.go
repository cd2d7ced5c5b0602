package cmd

import (
	"errors"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/hooks"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// meanings says which exit code an error of the packages below asks for, and what a person does about it. The first match counts.
func meanings() []struct {
	is   error
	exit int
	hint string
} {
	return []struct {
		is   error
		exit int
		hint string
	}{
		{roll.ErrHalted, output.ExitGate, ""},
		{roll.ErrBusy, output.ExitBusy, ""},
		{roll.ErrNone, output.ExitNoMatch, ""},
		{roll.ErrCircle, output.ExitUsage, "change patch.after in the profiles"},
		{record.ErrBusy, output.ExitBusy, ""},
		{name.ErrNoMatch, output.ExitNoMatch, "'sysctr list' shows what there is"},
		{name.ErrName, output.ExitUsage, ""},
		{name.ErrTooMany, output.ExitUsage, ""},
		{profiles.ErrNotFound, output.ExitUsage, "'sysctr profile list' shows what there is"},
		{mask.ErrRule, output.ExitUsage, ""},
		{delta.ErrPath, output.ExitUsage, ""},
		{manager.ErrExists, output.ExitExists, "destroy it first, choose another name, or add --missing to leave it as it is"},
		{hooks.ErrTheirs, output.ExitExists, "look at it; --force replaces or removes it"},
		{manager.ErrNotReady, output.ExitError, "look inside with 'sysctr shell', or wait on with 'sysctr wait'"},
		{lxc.ErrSource, output.ExitUsage, ""},
		{manager.ErrWidens, output.ExitUsage, "add --grant if you mean it"},
		{manager.ErrIsolation, output.ExitUsage, ""},
		{lxc.ErrNotPrepared, output.ExitHost, "run 'sysctr host init'"},
		{overlay.ErrOverlayRoot, output.ExitHost, ""},
		{mask.ErrHost, output.ExitHost, ""},
		{idrange.ErrExhausted, output.ExitHost, ""},
		{network.ErrTaken, output.ExitUsage, "'sysctr net list' shows who has what"},
		{network.ErrPort, output.ExitUsage, ""},
		{network.ErrSubnet, output.ExitUsage, "'sysctr net show' shows the subnets"},
		{network.ErrOverlap, output.ExitHost, "write network.ipv4 and network.ipv6 into /etc/sysctr/config.yaml"},
		{network.ErrExhausted, output.ExitHost, "'sysctr net show' tells how many there are"},
		{network.ErrFull, output.ExitHost, ""},
		{network.ErrMissing, output.ExitHost, "run 'sysctr host init'"},
		{network.ErrBridge, output.ExitHost, ""},
		{network.ErrHosts, output.ExitHost, ""},
		{manager.ErrCapacity, output.ExitHost, "'sysctr doctor --capacity N' shows every limit"},
	}
}

// translate gives an error the exit code and hint of its kind. One that has them, and one of no known kind, is returned as it is.
func (a *app) translate(err error) error {
	var own *output.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	var profile *profiles.Error
	if errors.As(err, &profile) {
		return &output.Error{Exit: output.ExitUsage, Err: err}
	}
	for _, m := range meanings() {
		if errors.Is(err, m.is) {
			return &output.Error{Exit: m.exit, Hint: m.hint, Err: err}
		}
	}
	if isUnknownCommand(err) {
		return usage(err)
	}
	return err
}
