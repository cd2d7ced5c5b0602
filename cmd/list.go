package cmd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
)

// container is one container as JSON shows it.
type container struct {
	Name       string    `json:"name"`
	State      string    `json:"state"`
	Ready      bool      `json:"ready"`
	Reason     string    `json:"reason"`
	Profile    string    `json:"profile"`
	Tags       []string  `json:"tags"`
	Isolation  string    `json:"isolation"`
	Addresses  []string  `json:"addresses"`
	Ports      []string  `json:"ports"` // published
	Generation string    `json:"generation"`
	Verdict    string    `json:"verdict"` // "" if nobody has looked
	PID        int       `json:"pid"`
	Unit       bool      `json:"unit"`
	IDs        string    `json:"ids"`
	MachineID  string    `json:"machineId"`
	Autostart  bool      `json:"autostart"`
	Priority   int       `json:"priority"`
	Created    time.Time `json:"created"`
	Started    time.Time `json:"started"`
	Drift      []string  `json:"drift"`   // fields in which the record differs from what the profile gives now
	Pending    []string  `json:"pending"` // fields that hold after a restart
}

func view(c manager.Container, drift []string) container {
	v := container{
		Name: c.Name, State: string(c.Status.State), Ready: c.Status.Ready, Reason: c.Status.Reason, Profile: c.Record.Spec.Profile, Verdict: string(c.Verdict),
		Tags: append([]string{}, c.Record.Spec.Tags...), Isolation: string(c.Record.Spec.Isolation), Addresses: []string{}, Ports: ports(c.Published),
		MachineID: c.Record.MachineID, Autostart: c.Record.Spec.Autostart, Priority: c.Record.Spec.Priority, Created: c.Record.Created,
		Drift: append([]string{}, drift...), Pending: append([]string{}, c.Pending()...),
	}
	if c.Status.State != record.Stopped { // of a run that is over only the reason is told
		v.Generation, v.PID, v.Unit, v.Started = c.Live.Generation, c.Live.Init.PID, c.Live.Unit, c.Live.Started
	}
	for _, w := range c.Wires {
		v.Addresses = append(v.Addresses, bare(w.Addresses)...)
	}
	if !c.Record.Range.IsZero() {
		v.IDs = c.Record.Range.String()
	}
	return v
}

func (a *app) listCommand() *cobra.Command {
	var t targeting
	var judge bool
	c := &cobra.Command{
		Use: "list [TARGET…]", Aliases: []string{"ls"}, Short: "List containers",
		Long: "Lists containers with their state; all of them without a target. With --patch, or a target such as\n" +
			"patch:stale, it looks at each of them, which takes longer, and shows its verdict too: whether the\n" +
			"host's patches have arrived. See 'sysctr patch status' for why.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		ValidArgsFunction: a.completeTargets,
		RunE:              func(c *cobra.Command, args []string) error { return a.list(c, &t, args, judge) },
	}
	t.flag(c)
	c.Flags().BoolVar(&judge, "patch", false, "look at each container, and show whether the host's patches have arrived")
	return c
}

// list prints containers; judge says whether they are looked at.
func (a *app) list(c *cobra.Command, t *targeting, args []string, judge bool) error {
	return a.observe(c, t, args, func(m *manager.Manager, found []manager.Container) error {
		w := manager.World{Containers: found}
		var used manager.Sample
		if a.format == output.FormatWide {
			used = m.Sample(found)
		}
		if judge {
			var err error
			if w, err = m.Judge(c.Context(), w); err != nil {
				return err
			}
		}
		drift := w.Drift(a.library().Resolve)
		items := make([]container, len(w.Containers))
		for i, c := range w.Containers {
			items[i] = view(c, drift[c.Name])
		}
		columns := columnsOf(time.Now(), used)
		if slices.ContainsFunc(items, func(c container) bool { return c.Verdict != "" }) {
			columns = slices.Insert(columns, 2, output.Column[container]{Header: "verdict", Cell: func(c container) string { return c.Verdict }})
		}
		return output.List[container]{Kind: "ContainerList", Items: items, Columns: columns, Empty: "no containers"}.Print(a.printer, a.format)
	})
}

// observe calls f with the containers that targets name, all without a target.
func (a *app) observe(c *cobra.Command, t *targeting, args []string, f func(*manager.Manager, []manager.Container) error) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	found, err := t.among(c.Context(), m, args)
	if err != nil {
		return err
	}
	return f(m, found)
}

// among observes the world and returns the containers that targets name, all without a target; see choose.
func (t *targeting) among(ctx context.Context, m *manager.Manager, args []string) ([]manager.Container, error) {
	if len(args) == 0 && len(t.exclude) == 0 {
		w, err := m.Observe()
		return w.Containers, err
	}
	if len(args) == 0 {
		args = []string{"all"}
	}
	w, names, err := t.choose(ctx, m, args)
	if err != nil {
		return nil, err
	}
	found := make([]manager.Container, len(names))
	for i, n := range names {
		found[i], _ = w.Find(n)
	}
	return found, nil
}

// columnsOf are the columns of the list; used is what the wide ones show besides.
func columnsOf(now time.Time, used manager.Sample) []output.Column[container] {
	return []output.Column[container]{
		{Header: "name", Cell: func(c container) string { return c.Name }},
		{Header: "state", Cell: func(c container) string { return c.State }},
		{Header: "ready", Cell: func(c container) string { return yes(c.Ready) }},
		{Header: "profile", Cell: func(c container) string { return c.Profile }},
		{Header: "tags", Cell: func(c container) string { return strings.Join(c.Tags, ",") }, Wide: true},
		{Header: "addresses", Cell: func(c container) string { return strings.Join(c.Addresses, ",") }, Wide: true},
		{Header: "ports", Cell: func(c container) string { return strings.Join(c.Ports, ",") }, Wide: true},
		{Header: "isolation", Cell: func(c container) string { return c.Isolation }, Wide: true},
		{Header: "ids", Cell: func(c container) string { return c.IDs }, Wide: true},
		{Header: "pid", Cell: func(c container) string { return number(c.PID) }, Wide: true, Right: true},
		{Header: "cpu", Cell: func(c container) string { return text(whole(used[c.Name].CPU), cpuTime) }, Wide: true, Right: true},
		{Header: "memory", Cell: func(c container) string { return text(whole(used[c.Name].Memory), output.Size) }, Wide: true, Right: true},
		{Header: "pids", Cell: func(c container) string { return text(whole(used[c.Name].Pids), decimal) }, Wide: true, Right: true},
		{Header: "up", Cell: func(c container) string { return output.AgeSince(now, c.Started) }, Right: true},
		{Header: "created", Cell: func(c container) string { return output.AgeSince(now, c.Created) }, Right: true},
		{Header: "drift", Cell: func(c container) string { return strings.Join(c.Drift, ",") }, Elastic: true},
		{Header: "pending", Cell: func(c container) string { return strings.Join(c.Pending, ",") }, Elastic: true},
		{Header: "reason", Cell: func(c container) string { return c.Reason }, Elastic: true},
	}
}

func cpuTime(nanoseconds int64) string { return output.Duration(time.Duration(nanoseconds)) }

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
