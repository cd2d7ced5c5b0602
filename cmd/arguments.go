package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
)

// ownCommand marks commands that end with the status of a command in a container.
const ownCommand = "command-status"

// checkArguments makes what cobra says of wrong arguments and flags a mistake of the caller's, for a command and those below. Where the exit code
// is another command's, that is told by ExitOwn like every failure of ours.
func checkArguments(c *cobra.Command) {
	mistake := usage
	if _, ok := c.Annotations[ownCommand]; ok {
		mistake = func(err error) error { return ownFailure(usage(err)) }
		c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return mistake(err) })
	}
	if c.Args == nil && !c.HasSubCommands() {
		c.Args = cobra.ArbitraryArgs
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := errors.Join(negative(c), check(c, args))
			var known *output.Error
			if err == nil || errors.As(err, &known) {
				return err
			}
			return mistake(err)
		}
	}
	for _, sub := range c.Commands() {
		checkArguments(sub)
	}
}

// negative refuses what is below zero where no verb has a meaning for it.
func negative(c *cobra.Command) error {
	var errs []error
	for _, name := range []string{"parallel", "timeout"} {
		if f := c.Flags().Lookup(name); f != nil && strings.HasPrefix(f.Value.String(), "-") {
			errs = append(errs, fmt.Errorf("invalid argument %q for %q flag: it is below zero", f.Value, "--"+name))
		}
	}
	return errors.Join(errs...)
}
