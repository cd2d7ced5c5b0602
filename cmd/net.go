package cmd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/network"
)

// wire is one interface of a container as JSON shows it.
type wire struct {
	Name      string   `json:"name"` // the container's
	State     string   `json:"state"`
	Interface string   `json:"interface"`
	Type      string   `json:"type"`
	Parent    string   `json:"parent"`
	Addresses []string `json:"addresses"` // with prefix lengths
	MAC       string   `json:"mac"`       // "" where the kernel chooses one at each start
	MTU       int      `json:"mtu"`       // 0 for the kernel's
	Port      string   `json:"port"`      // the host's end, of a managed one
	Isolated  bool     `json:"isolated"`
	Open      []string `json:"open"`
	Ports     []string `json:"ports"` // published, of the interface that they go to
}

// hostNetwork is the managed network as JSON shows it.
type hostNetwork struct {
	Name      string   `json:"name"` // the bridge's
	IPv4      string   `json:"ipv4"`
	IPv6      string   `json:"ipv6"`
	Gateways  []string `json:"gateways"`
	Size      int      `json:"size"` // how many addresses of each kind containers can have
	Used      int      `json:"used"`
	Connected int      `json:"connected"` // interfaces of containers that run
	Most      int      `json:"most"`      // that the bridge can have
	Missing   []string `json:"missing"`   // what the host does not hold of it
}

func (a *app) netCommand() *cobra.Command {
	c := &cobra.Command{Use: "net", Short: "See the network of containers", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(a.netList(), a.netShow())
	return c
}

func (a *app) netList() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "list [TARGET…]", Short: "List interfaces and published ports",
		Long: `Lists the interfaces of containers, all of them without a target: addresses, what they are
connected to, and which ports of the host are published for them. -o wide adds MAC and port.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			return a.observe(c, &t, args, func(_ *manager.Manager, found []manager.Container) error {
				items := []wire{}
				for _, c := range found {
					items = append(items, wiresOf(c)...)
				}
				return output.List[wire]{Kind: "InterfaceList", Items: items, Columns: wireColumns(), Empty: "no interfaces"}.Print(a.printer, a.format)
			})
		},
	}
	t.flag(c)
	return c
}

func wiresOf(c manager.Container) []wire {
	var items []wire
	published := ports(c.Published)
	for _, w := range c.Wires {
		item := wire{
			Name: c.Name, State: string(c.Status.State), Interface: w.Name, Type: string(w.Type), Parent: w.Parent, Addresses: append([]string{}, w.Addresses...),
			MAC: w.MAC, MTU: w.MTU, Port: w.Port, Isolated: w.Isolated, Open: append([]string{}, w.Open...), Ports: []string{},
		}
		if w.Port != "" && len(published) > 0 {
			item.Ports, published = published, nil
		}
		items = append(items, item)
	}
	return items
}

// ports are published ports as a profile has them.
func ports(published []network.Published) []string {
	texts := []string{}
	for _, p := range published {
		texts = append(texts, p.String())
	}
	return texts
}

func wireColumns() []output.Column[wire] {
	return []output.Column[wire]{
		{Header: "name", Cell: func(w wire) string { return w.Name }},
		{Header: "interface", Cell: func(w wire) string { return w.Interface }},
		{Header: "type", Cell: func(w wire) string { return w.Type }},
		{Header: "parent", Cell: func(w wire) string { return w.Parent }},
		{Header: "addresses", Cell: func(w wire) string { return strings.Join(bare(w.Addresses), ",") }},
		{Header: "ports", Cell: func(w wire) string { return strings.Join(w.Ports, ",") }},
		{Header: "mac", Cell: func(w wire) string { return w.MAC }, Wide: true},
		{Header: "port", Cell: func(w wire) string { return w.Port }, Wide: true},
		{Header: "isolated", Cell: func(w wire) string { return yes(w.Isolated) }, Wide: true},
		{Header: "open", Cell: func(w wire) string { return strings.Join(w.Open, ",") }, Wide: true},
	}
}

// bare are addresses without their prefix lengths.
func bare(addresses []string) []string {
	list := make([]string, len(addresses))
	for i, s := range addresses {
		list[i], _, _ = strings.Cut(s, "/")
	}
	return list
}

func (a *app) netShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the managed network of the host", Args: cobra.NoArgs,
		Long: `Shows the managed network: its bridge, its subnets, how many of its addresses are used, and what
the host does not hold of it: 'sysctr host init' repairs that, and so does the next start.

` + output.ExitStatus(output.ExitError, output.ExitHost),
		RunE: func(c *cobra.Command, _ []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			seen, err := m.Network()
			if err != nil {
				return err
			}
			n := hostNetwork{
				Name: network.BridgeName, IPv4: seen.IPv4.String(), IPv6: seen.IPv6.String(), Missing: append([]string{}, seen.Missing...),
				Gateways: []string{seen.Gateway4().Addr().String(), seen.Gateway6().Addr().String()},
				Size:     seen.Size(), Used: seen.Used, Connected: seen.Ports, Most: network.MaxPorts,
			}
			return a.showNetwork(n)
		},
	}
}

func (a *app) showNetwork(n hostNetwork) error {
	if a.format.Structured() || a.format == output.FormatName {
		return output.List[hostNetwork]{
			Kind: "NetworkList", Items: []hostNetwork{n},
			Columns: []output.Column[hostNetwork]{{Header: "name", Cell: func(n hostNetwork) string { return n.Name }}},
		}.Print(a.printer, a.format)
	}
	missing := "nothing"
	if len(n.Missing) > 0 {
		missing = strings.Join(n.Missing, ", ")
	}
	return a.printer.Details([]output.Field{
		{Label: "Bridge", Value: n.Name},
		{Label: "IPv4", Value: n.IPv4},
		{Label: "IPv6", Value: n.IPv6},
		{Label: "Gateways", Value: strings.Join(n.Gateways, ", ")},
		{Label: "Addresses", Value: fmt.Sprintf("%d of %d used", n.Used, n.Size)},
		{Label: "Interfaces", Value: strconv.Itoa(n.Connected) + " of " + strconv.Itoa(n.Most) + " on the bridge"},
		{Label: "Missing", Value: missing},
	})
}
