package cmd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/hooks"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/patch"
)

func (a *app) patchCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "patch", Short: "See which containers have the host's patches, and prove it", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.patchStatus(), a.patchVerify(), a.patchPlan(), a.patchWhy(), a.patchRefresh(),
		a.patchRoll(), a.patchPause(), a.patchResume(), a.patchAbort(), a.patchHold(), a.patchUnhold(), a.patchHistory(), a.patchReport())
	return c
}

// judged is one container's verdict as JSON shows it. Bytes that are not UTF-8 are escaped.
type judged struct {
	Name       string   `json:"name"`
	State      string   `json:"state"`
	Verdict    string   `json:"verdict"`
	Action     string   `json:"action"`
	Generation int      `json:"generation"` // of the host when it was mounted, 0 if it is not or that is not known
	Reasons    []reason `json:"reasons"`
}

type reason struct {
	Kind      string `json:"kind"`
	PID       int    `json:"pid"`
	Comm      string `json:"comm"`
	Path      string `json:"path"`
	Package   string `json:"package"`
	Old       string `json:"old"`
	New       string `json:"new"`
	Detail    string `json:"detail"`
	HostInode uint64 `json:"hostInode"`
	SeenInode uint64 `json:"seenInode"`
}

func judgedOf(j manager.Judged) judged {
	return judged{
		Name: j.Name, State: string(j.State), Verdict: string(j.Verdict), Action: string(j.Action), Generation: j.Generation,
		Reasons: reasonsOf(j.Reasons),
	}
}

func reasonsOf(found []patch.Reason) []reason {
	all := make([]reason, len(found))
	for i, r := range found {
		all[i] = reason{
			Kind: r.Kind, PID: r.PID, Comm: output.Clean(r.Comm), Path: output.Clean(r.Path), Package: r.Package, Old: r.Old, New: r.New,
			Detail: output.Clean(r.Detail), HostInode: r.HostIno, SeenInode: r.SeenIno,
		}
	}
	return all
}

// text is the reason in one line.
func (r reason) text() string {
	return patch.Reason{
		Kind: r.Kind, PID: r.PID, Comm: r.Comm, Path: r.Path, Package: r.Package, Old: r.Old, New: r.New, Detail: r.Detail,
	}.String()
}

const aboutVerdicts = `patched     mounted on the host as it is now, and nothing of it is old or hidden
unaffected  mounted before a change, and yet it shows and runs nothing that is not the host's
stale       it runs or answers something that the host has not any more; a restart cures it
shadowed    its own files hide a changed file of the host; see 'sysctr delta shadows'
unknown     it could not be looked at; never counted as good

`

func (a *app) patchStatus() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "status [TARGET…]", Short: "Show the verdict on each container", ValidArgsFunction: a.completeTargets,
		Long: "Looks at every process and at every changed path of each container, all of them without a target,\nand says what is true of it now:\n\n" +
			aboutVerdicts + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		RunE: func(c *cobra.Command, args []string) error {
			_, err := a.judge(c, &t, args)
			return err
		},
	}
	t.flag(c)
	return c
}

func (a *app) patchVerify() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "verify [TARGET…]", Short: "Prove that the host's patches have arrived", ValidArgsFunction: a.completeTargets,
		Long: "Looks like status, and fails with 8 unless each container is patched or unaffected.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch, output.ExitUnpatched),
		RunE: func(c *cobra.Command, args []string) error {
			found, err := a.judge(c, &t, args)
			if err != nil {
				return err
			}
			if err := unpatched(found); err != nil {
				return err
			}
			a.printer.Say("%s", arrived(found))
			return nil
		},
	}
	t.flag(c)
	return c
}

// unpatched is the error of containers that are neither patched nor unaffected.
func unpatched(found []manager.Judged) error {
	count := map[patch.Verdict]int{}
	for _, j := range found {
		count[j.Verdict]++
	}
	var bad []string
	for _, v := range []patch.Verdict{patch.Stale, patch.Shadowed, patch.Unknown} {
		if count[v] > 0 {
			bad = append(bad, fmt.Sprintf("%d %s", count[v], v))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return &output.Error{
		Exit: output.ExitUnpatched, Message: fmt.Sprintf("of %d containers %s", len(found), strings.Join(bad, ", ")),
		Hint: "'sysctr patch plan' says what is to be done, 'sysctr patch why NAME PATH' explains one path",
	}
}

// arrived says of how many containers what was proved.
func arrived(found []manager.Judged) string {
	patched := 0
	for _, j := range found {
		if j.Verdict == patch.Patched {
			patched++
		}
	}
	return fmt.Sprintf("proved: %d patched, %d unaffected", patched, len(found)-patched)
}

// judge looks at the containers that targets name, all without a target, and prints what is true of them.
func (a *app) judge(c *cobra.Command, t *targeting, args []string) ([]manager.Judged, error) {
	var found []manager.Judged
	err := a.observe(c, t, args, func(m *manager.Manager, all []manager.Container) error {
		look, err := m.Inspect(c.Context(), all)
		if err != nil {
			return err
		}
		found = look.Containers
		items := make([]judged, len(found))
		for i, j := range found {
			items[i] = judgedOf(j)
		}
		return output.List[judged]{
			Kind: "PatchStatusList", Items: items, Empty: "no containers", Columns: judgedColumns(), Warnings: a.sayHost(look),
		}.Print(a.printer, a.format)
	})
	return found, err
}

// sayHost says once what of the host no restart of a container can cure, what verdicts are worth while packages change, and why nothing is done yet.
// It returns the same for programs.
func (a *app) sayHost(look manager.Inspection) []string {
	var said []string
	warn := func(format string, args ...any) { said = append(said, output.Clean(fmt.Sprintf(format, args...))) }
	if reason, err := hooks.Dir(a.dirs.Host()).Waits(); err == nil && reason != "" { // on an error, 'hook status' tells
		warn("the refresh begins no roll yet: %s", reason)
	}
	if look.Mixed != "" {
		warn("the host's packages are changing (%s): verdicts are of this moment, and starts are stale", look.Mixed)
	}
	if look.Reboot != "" {
		warn("the host has to be rebooted: %s", look.Reboot)
	}
	for _, warning := range said {
		a.printer.Warn("%s", warning)
	}
	return said
}

func judgedColumns() []output.Column[judged] {
	return []output.Column[judged]{
		{Header: "name", Cell: func(j judged) string { return j.Name }},
		{Header: "state", Cell: func(j judged) string { return j.State }},
		{Header: "verdict", Cell: func(j judged) string { return j.Verdict }},
		{Header: "action", Cell: func(j judged) string { return j.Action }},
		{Header: "generation", Cell: func(j judged) string { return number(j.Generation) }, Wide: true, Right: true},
		{Header: "reasons", Cell: func(j judged) string { return strconv.Itoa(len(j.Reasons)) }, Right: true, Wide: true},
		{Header: "because", Cell: because, Elastic: true},
	}
}

// because is the first reason, and how many more there are.
func because(j judged) string {
	if len(j.Reasons) == 0 {
		return ""
	}
	text := j.Reasons[0].text()
	if more := len(j.Reasons) - 1; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

func (a *app) patchPlan() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "plan [TARGET…]", Short: "Show what has to be done that the host's patches arrive", ValidArgsFunction: a.completeTargets,
		Long: `Shows the containers that need something, with the reasons:

restart  stop it and start it over fresh mounts
heal     its own files hide the host's; only the owner of its delta can decide that
wait     it uses what is gone from the host, the host's release changed, or it could not be looked at:
         restart it on demand only, with 'sysctr patch roll --force'

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		RunE: func(c *cobra.Command, args []string) error {
			return a.observe(c, &t, args, func(m *manager.Manager, all []manager.Container) error {
				look, err := m.Inspect(c.Context(), all)
				if err != nil {
					return err
				}
				items := []judged{}
				for _, j := range look.Containers {
					if j.Action != patch.None {
						items = append(items, judgedOf(j))
					}
				}
				return output.List[judged]{
					Kind: "PatchPlanList", Items: items, Empty: "nothing to do", Columns: judgedColumns(), Warnings: a.sayHost(look),
				}.Print(a.printer, a.format)
			})
		},
	}
	t.flag(c)
	return c
}
