package cmd

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/profiles"
)

type profileInfo struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	File        string `json:"file"`
	Error       string `json:"error"`
}

func (a *app) profileCommand() *cobra.Command {
	c := &cobra.Command{Use: "profile", Short: "Look at profiles", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.profileList(), a.profileShow(), a.profileValidate())
	return c
}

func (a *app) profileList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List profiles", Args: cobra.NoArgs,
		Long: "Lists built-in profiles and those of the host, also the ones that cannot be used, and why.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage),
		RunE: func(*cobra.Command, []string) error {
			infos, err := a.library().Names()
			if err != nil {
				return err
			}
			items := make([]profileInfo, len(infos))
			for i, p := range infos {
				items[i] = profileInfo{Name: p.Name, Description: p.Description, File: p.File}
				if p.Err != nil {
					items[i].Error = p.Err.Error()
				}
			}
			return profileTable(items).Print(a.printer, a.format)
		},
	}
}

func profileTable(items []profileInfo) output.List[profileInfo] {
	return output.List[profileInfo]{
		Kind: "ProfileList", Items: items, Empty: "no profiles",
		Columns: []output.Column[profileInfo]{
			{Header: "name", Cell: func(p profileInfo) string { return p.Name }},
			{Header: "description", Cell: func(p profileInfo) string { return p.Description }, Elastic: true},
			{Header: "file", Cell: func(p profileInfo) string { return p.File }},
			{Header: "error", Cell: func(p profileInfo) string { return p.Error }, Elastic: true},
		},
	}
}

func (a *app) profileShow() *cobra.Command {
	var set []string
	c := &cobra.Command{
		Use: "show NAME", Short: "Show the spec that a profile gives", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeProfiles,
		Long: "Shows the profile with everything it extends and every default filled in, as a container of it gets it.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage),
		RunE: func(_ *cobra.Command, args []string) error {
			spec, err := a.library().Resolve(args[0], set)
			if err != nil {
				return err
			}
			format := a.format
			if format == output.FormatTable || format == output.FormatWide {
				format = output.FormatYAML
			}
			return output.List[profiles.Spec]{
				Kind: "SpecList", Items: []profiles.Spec{spec},
				Columns: []output.Column[profiles.Spec]{{Header: "profile", Cell: func(s profiles.Spec) string { return s.Profile }}},
			}.Print(a.printer, format)
		},
	}
	c.Flags().StringArrayVar(&set, "set", nil, "set a field: key=value")
	return c
}

func (a *app) profileValidate() *cobra.Command {
	return &cobra.Command{
		Use: "validate FILE…", Short: "Check profile files", Args: cobra.MinimumNArgs(1),
		Long: "Checks files as if they lay among the profiles, with everything they extend.\n" +
			"Says nothing more than that they are good, and as JSON or YAML what they are.\n\n" +
			output.ExitStatus(output.ExitUsage),
		RunE: func(_ *cobra.Command, args []string) error {
			items, err := a.validate(args)
			if err != nil {
				return &output.Error{Exit: output.ExitUsage, Err: err}
			}
			if !a.format.Structured() {
				return nil
			}
			return profileTable(items).Print(a.printer, a.format)
		},
	}
}

// validate reads files as profiles and says which are good.
func (a *app) validate(files []string) ([]profileInfo, error) {
	var errs []error
	items := []profileInfo{}
	for _, file := range files {
		p, err := a.library().Read(file)
		var spec profiles.Spec
		if err == nil {
			spec, err = p.Resolve(nil)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		a.printer.Say("%s: good", file)
		items = append(items, profileInfo{Name: spec.Profile, Description: spec.Description, File: file})
	}
	return items, errors.Join(errs...)
}
