package cmd

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/manager/record"
)

// completeTargets offers what targets a shell can complete: names, tags, profiles. It needs to read the records, so without root it offers
// none.
func (a *app) completeTargets(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	entries, err := record.Open(a.dirs.State).List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	seen := map[string]bool{"all": true}
	for _, e := range entries {
		seen[e.Name] = true
		if e.Err != nil {
			continue
		}
		seen["profile:"+e.Record.Spec.Profile] = true
		for _, tag := range e.Record.Spec.Tags {
			seen["@"+tag] = true
		}
	}
	return withPrefix(seen, prefix), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeProfiles(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	infos, err := a.library().Names()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	seen := map[string]bool{}
	for _, p := range infos {
		seen[p.Name] = p.Err == nil
	}
	return withPrefix(seen, prefix), cobra.ShellCompDirectiveNoFileComp
}

func withPrefix(words map[string]bool, prefix string) []string {
	var found []string
	for w, ok := range words {
		if ok && strings.HasPrefix(w, prefix) {
			found = append(found, w)
		}
	}
	return found
}
