package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// completeTargets offers what targets a shell can complete: names and their ranges, tags, profiles. The records are root's; to everybody else
// it offers the published names.
func (a *app) completeTargets(_ *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	words, err := manager.ReadNames(a.dirs)
	if entries, errList := record.Open(a.dirs.State).List(); errList == nil {
		words, err = manager.Words(entries), nil
	}
	if err != nil || len(words) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words = append(append([]string{"all"}, words...), ranges(words)...)
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, prefix) || slices.Contains(given, w) })
	return words, cobra.ShellCompDirectiveNoFileComp
}

// ranges returns the ranges of at least two names among words that are in natural order: web<1..3> of web1, web2 and web3. A shell script of
// cobra's quotes < and > when it inserts one.
func ranges(words []string) []string {
	var found []string
	first, last, count := "", "", 0
	end := func() {
		if count > 1 {
			stem, from := split(first)
			_, to := split(last)
			found = append(found, stem+"<"+from+".."+to+">")
		}
		count = 0
	}
	for _, w := range words {
		if name.Check(w) != nil {
			continue
		}
		if count == 0 || !follows(last, w) {
			end()
			first = w
		}
		last, count = w, count+1
	}
	end()
	return found
}

// split divides a name into what stands before the number at its end and the number; the number is empty if there is none.
func split(name string) (stem, number string) {
	stem = strings.TrimRight(name, "0123456789")
	return stem, name[len(stem):]
}

// follows tells whether b is the next name after a in a range: the same but for a number higher by one, in the same style of zeros.
func follows(a, b string) bool {
	stemA, numberA := split(a)
	stemB, numberB := split(b)
	n, err := strconv.Atoi(numberA)
	if err != nil || stemA != stemB {
		return false
	}
	if strings.HasPrefix(numberA, "0") {
		return numberB == fmt.Sprintf("%0*d", len(numberA), n+1)
	}
	return numberB == strconv.Itoa(n+1)
}

func (a *app) completeProfiles(_ *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
	infos, err := a.library().Names()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var found []string
	for _, p := range infos {
		if p.Err == nil && strings.HasPrefix(p.Name, prefix) && !slices.Contains(given, p.Name) {
			found = append(found, p.Name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeSettings offers the keys of profiles, for the value to be typed behind them.
func completeSettings(_ *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var found []string
	for _, key := range profiles.Keys() {
		if strings.HasPrefix(key, prefix) {
			found = append(found, key+"=")
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

func formats() []string {
	var names []string
	for _, f := range output.Formats() {
		names = append(names, string(f))
	}
	return names
}

// completeFlags has every flag of a command and of those below it completed that means the same everywhere.
func (a *app) completeFlags(c *cobra.Command) {
	for flag, complete := range map[string]cobra.CompletionFunc{
		"exclude": a.completeTargets, "set": completeSettings,
		"output": cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp),
	} {
		if _, has := c.GetFlagCompletionFunc(flag); !has && c.Flag(flag) != nil {
			_ = c.RegisterFlagCompletionFunc(flag, complete) // fails only for a flag that does not exist
		}
	}
	for _, below := range c.Commands() {
		a.completeFlags(below)
	}
}

// publish tells those who may not read the records which names there are now. It is a comfort: what goes wrong is told to who wants to know.
func (a *app) publish(ctx context.Context) {
	if err := manager.PublishNames(context.WithoutCancel(ctx), a.dirs); err != nil && a.verbose {
		a.printer.Warn("%v", err)
	}
}
