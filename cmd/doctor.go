package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

type finding struct {
	Check    string    `json:"check"`
	Result   string    `json:"result"`
	Detail   string    `json:"detail"`
	Remedy   string    `json:"remedy"`
	Capacity *capacity `json:"capacity"` // null where the check is not about one
}

// capacity is a resource that containers share.
type capacity struct {
	Sysctl string `json:"sysctl"`
	Have   int64  `json:"have"`
	Free   int64  `json:"free"` // beside the host's own part and that of all containers at rest
	Each   int64  `json:"each"` // what one container of the profile takes
	From   string `json:"from"` // where that figure comes from
}

type doctorOptions struct {
	capacity int64
	profile  string
}

// maxCapacity is more containers than any host holds, and few enough to multiply.
const maxCapacity = 1000000

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use: "doctor", Short: "Say what is wrong with the host, and what to do about it", Args: cobra.NoArgs,
		Long: `Looks at what containers need of the host, tries what can be tried, and names a remedy for each
finding; the table leaves out what is good. With --capacity it answers whether the host can hold
so many more containers of a profile: what a container takes at rest is known, what its services
take is not.

` + output.ExitStatus(output.ExitUsage, output.ExitHost),
		Example: "  sysctr doctor\n  sysctr doctor --capacity 500 --profile command",
		RunE: func(*cobra.Command, []string) error {
			if o.capacity < 0 || o.capacity > maxCapacity {
				return usage(fmt.Errorf("--capacity is a number of containers, at most %d", maxCapacity))
			}
			return a.diagnose(&o)
		},
	}
	c.Flags().Int64Var(&o.capacity, "capacity", 0, "how many more containers the host shall hold")
	c.Flags().StringVarP(&o.profile, "profile", "p", "system", "their profile")
	_ = c.RegisterFlagCompletionFunc("profile", a.completeProfiles) // fails only for a flag that does not exist
	return c
}

func (a *app) diagnose(o *doctorOptions) error {
	if os.Geteuid() != 0 {
		return &output.Error{Message: "only root can try what containers need", Hint: "run it with sudo"}
	}
	c, err := a.checkup(o)
	if err != nil {
		return err
	}
	found := append(append(c.Diagnose(), c.Trial()...), c.Network()...)
	bad := 0
	var items []finding
	for _, f := range found {
		item := finding{Check: f.Check, Result: string(f.Result), Detail: f.Detail, Remedy: f.Remedy, Capacity: capacityOf(f.Room, c.Spec)}
		if a.format != output.FormatTable || f.Result != manager.Good || o.capacity > 0 && item.Capacity != nil {
			items = append(items, item)
		}
		if f.Result == manager.Fails {
			bad++
		}
	}
	if err := a.findings(items, len(found)); err != nil {
		return err
	}
	switch {
	case bad == 0:
		return nil
	case o.capacity > 0:
		return &output.Error{Exit: output.ExitHost, Message: fmt.Sprintf("%d of %d checks fail; the host cannot hold %d more", bad, len(found), o.capacity)}
	default:
		return &output.Error{Exit: output.ExitHost, Message: fmt.Sprintf("%d of %d checks fail; containers cannot run safely here", bad, len(found))}
	}
}

func (a *app) findings(items []finding, checks int) error {
	if a.format == output.FormatTable {
		a.printer.Say("%d checks; -o wide shows all of them", checks)
	}
	return output.List[finding]{
		Kind: "FindingList", Items: items, Empty: "all is good",
		Columns: []output.Column[finding]{
			{Header: "check", Cell: func(f finding) string { return f.Check }},
			{Header: "result", Cell: func(f finding) string { return f.Result }},
			{Header: "detail", Cell: func(f finding) string { return f.Detail }, Elastic: true},
			{Header: "remedy", Cell: func(f finding) string { return f.Remedy }},
		},
	}.Print(a.printer, a.format)
}

func capacityOf(r *manager.Room, spec profiles.Spec) *capacity {
	if r == nil {
		return nil
	}
	return &capacity{Sysctl: r.Sysctl, Have: r.Have, Free: r.Free, Each: r.Takes(manager.FleetOf(spec, 1)), From: r.From}
}

// checkup reads what containers there are: on a host that was not prepared there are none.
func (a *app) checkup(o *doctorOptions) (manager.Checkup, error) {
	spec, err := a.library().Resolve(o.profile, nil)
	if err != nil {
		return manager.Checkup{}, err
	}
	entries, err := record.Open(a.dirs.State).List()
	if err != nil {
		a.printer.Warn("%v", err)
	}
	var w manager.World
	for _, e := range entries {
		w.Containers = append(w.Containers, manager.Container{Name: e.Name, Record: e.Record, Err: e.Err})
	}
	return manager.Checkup{
		Root: "/", Dirs: a.dirs, Etc: a.etc, Pool: idrange.Default(), Binary: self(), LXC: lxc.Version(),
		Fleet: w.Fleet(), More: o.capacity, Spec: spec,
	}, nil
}
