package cmd

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager/roll"
)

// pastRoll is one roll as the history shows it.
type pastRoll struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	Reason     string    `json:"reason"`
	Generation int       `json:"generation"`
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended,omitzero"`
	Done       int       `json:"done"`
	Failed     int       `json:"failed"`
	Held       int       `json:"held"`
	Pending    int       `json:"pending"`
}

// pastMember is one member of a roll as its history shows it.
type pastMember struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	Canary  bool      `json:"canary"`
	Begun   time.Time `json:"begun,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Before  string    `json:"bootBefore"`
	After   string    `json:"bootAfter"`
	Reason  string    `json:"reason"`
	Reasons []string  `json:"reasons"`
}

func (a *app) patchHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history [ROLL]", Short: "Show the rolls there were, or what became of each member of one", Args: cobra.MaximumNArgs(1),
		Long: "Shows the rolls, the newest first; the newest " + strconv.Itoa(roll.Kept) +
			" that have ended are kept. With the id of one it\nshows its members.\n\n" +
			output.ExitStatus(output.ExitError, output.ExitUsage),
		RunE: func(c *cobra.Command, args []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			if len(args) == 1 {
				r, err := m.Rolls().Load(args[0])
				if err != nil {
					return usage(err)
				}
				return a.printMembers(r)
			}
			entries, err := m.Rolls().List()
			if err != nil {
				return err
			}
			return a.printRolls(entries)
		},
	}
}

func (a *app) printRolls(entries []roll.Entry) error {
	items := make([]pastRoll, len(entries))
	for i, e := range entries {
		r := e.Roll
		items[i] = pastRoll{
			ID: e.ID, State: string(r.State), Reason: r.Reason, Generation: r.Generation, Started: r.Started, Ended: r.Ended,
			Done: r.Count(roll.Done), Failed: r.Count(roll.Failed), Held: r.Count(roll.Held), Pending: r.Count(roll.Pending),
		}
		if e.Err != nil {
			items[i].State, items[i].Reason = "unusable", output.CleanLine(e.Err.Error())
		}
	}
	return output.List[pastRoll]{Kind: "RollList", Items: items, Empty: "no rolls", Columns: []output.Column[pastRoll]{
		{Header: "roll", Cell: func(p pastRoll) string { return p.ID }},
		{Header: "state", Cell: func(p pastRoll) string { return p.State }},
		{Header: "ended", Cell: func(p pastRoll) string { return moment(p.Ended) }},
		{Header: "done", Cell: func(p pastRoll) string { return strconv.Itoa(p.Done) }, Right: true},
		{Header: "failed", Cell: func(p pastRoll) string { return strconv.Itoa(p.Failed) }, Right: true},
		{Header: "held", Cell: func(p pastRoll) string { return strconv.Itoa(p.Held) }, Right: true},
		{Header: "generation", Cell: func(p pastRoll) string { return strconv.Itoa(p.Generation) }, Right: true, Wide: true},
		{Header: "because", Cell: func(p pastRoll) string { return p.Reason }, Elastic: true},
	}}.Print(a.printer, a.format)
}

func (a *app) printMembers(r roll.Roll) error {
	items := make([]pastMember, len(r.Members))
	for i, m := range r.Members {
		items[i] = pastMember{
			Name: m.Name, State: string(m.State), Canary: m.Canary, Begun: m.Begun, Ended: m.Ended, Before: m.Boot, After: m.Result.Boot,
			Reason: m.Reason, Reasons: append([]string{}, m.Reasons...),
		}
	}
	return output.List[pastMember]{Kind: "RollMemberList", Items: items, Empty: "no members", Columns: []output.Column[pastMember]{
		{Header: "name", Cell: func(p pastMember) string { return p.Name }},
		{Header: "state", Cell: func(p pastMember) string { return p.State }},
		{Header: "begun", Cell: func(p pastMember) string { return moment(p.Begun) }},
		{Header: "ended", Cell: func(p pastMember) string { return moment(p.Ended) }, Wide: true},
		{Header: "because", Cell: func(p pastMember) string {
			if p.Reason == "" && len(p.Reasons) > 0 {
				return p.Reasons[0]
			}
			return p.Reason
		}, Elastic: true},
	}}.Print(a.printer, a.format)
}

// moment is a time as tables show it.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}
