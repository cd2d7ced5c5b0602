package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
)

type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Say what is wrong with the host, and what to do about it", Args: cobra.NoArgs,
		Long: "Tries what containers need of the host, by doing it, and names a remedy for each finding.\n\n" + output.ExitStatus(output.ExitHost),
		RunE: func(*cobra.Command, []string) error { return a.diagnose() },
	}
}

func (a *app) diagnose() error {
	if os.Geteuid() != 0 {
		return &output.Error{Message: "only root can try what containers need", Hint: "run it with sudo"}
	}
	found := manager.Diagnose(a.dirs, idrange.Default(), a.etc, self())
	items := make([]finding, len(found))
	bad := 0
	for i, f := range found {
		items[i] = finding{Check: f.Check, Result: string(f.Result), Detail: f.Detail, Remedy: f.Remedy}
		if f.Result == manager.Fails {
			bad++
		}
	}
	err := output.List[finding]{
		Kind: "FindingList", Items: items, Empty: "nothing to check",
		Columns: []output.Column[finding]{
			{Header: "check", Cell: func(f finding) string { return f.Check }},
			{Header: "result", Cell: func(f finding) string { return f.Result }},
			{Header: "detail", Cell: func(f finding) string { return f.Detail }, Elastic: true},
			{Header: "remedy", Cell: func(f finding) string { return f.Remedy }},
		},
	}.Print(a.printer, a.format)
	if err == nil && bad > 0 {
		err = &output.Error{Exit: output.ExitHost, Message: fmt.Sprintf("%d of %d checks fail; containers cannot run safely here", bad, len(found))}
	}
	return err
}
