package cmd

import "github.com/spf13/cobra"

func (a *app) patchCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "patch", Short: "Follow the host's patches", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.patchRefresh())
	return c
}
