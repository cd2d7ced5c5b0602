package cmd

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager/lxc"
)

type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	LXC     string `json:"lxc"`
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the versions of sysctr and liblxc", Args: cobra.NoArgs,
		Long: "Shows the versions of sysctr, of the liblxc that it runs with, and of Go.\n\n" + output.ExitStatus(output.ExitUsage),
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{LXC: lxc.Version()}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Go, v.Version = info.GoVersion, info.Main.Version
			}
			if a.format == output.FormatTable || a.format == output.FormatWide {
				return a.printer.Details([]output.Field{
					{Label: "sysctr", Value: v.Version}, {Label: "liblxc", Value: v.LXC}, {Label: "go", Value: v.Go},
				})
			}
			return output.List[versionInfo]{
				Kind: "VersionList", Items: []versionInfo{v},
				Columns: []output.Column[versionInfo]{{Header: "version", Cell: func(v versionInfo) string { return v.Version }}},
			}.Print(a.printer, a.format)
		},
	}
}
