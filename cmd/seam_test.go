package cmd

import (
	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager/lxc"
)

// Root is the command line as a tree.
func Root() *cobra.Command {
	a := &app{dirs: lxc.DefaultDirs(), etc: "/etc", format: output.FormatTable}
	a.printer = a.newPrinter()
	return a.root()
}

// Translate gives an error its exit code and hint.
func Translate(err error) error { return (&app{}).translate(err) }

// Interrupted is what a lane's error becomes before it is translated.
func Interrupted(err error) error { return interrupted(err) }
