package cmd

import (
	"errors"

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
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
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
