package cmd

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
)

// shadowed is one entry of a delta or seed as JSON shows it. Bytes that are not UTF-8 are escaped.
type shadowed struct {
	Name       string   `json:"name"`
	Path       string   `json:"path"`
	Class      string   `json:"class"`
	Hides      bool     `json:"hides"`
	Layer      string   `json:"layer"`
	Severity   string   `json:"severity"`
	Heal       string   `json:"heal"`
	Package    string   `json:"package"`
	Version    string   `json:"version"`
	OldVersion string   `json:"oldVersion"`
	Detail     string   `json:"detail"`
	Below      []string `json:"below"`
	More       int      `json:"more"`
	Bytes      int64    `json:"bytes"`
}

func shadowedOf(name string, s shadow.Shadow) shadowed {
	below := make([]string, len(s.Below))
	for i, p := range s.Below {
		below[i] = output.Clean(p)
	}
	return shadowed{
		Name: name, Path: output.Clean(s.Path), Class: string(s.Class), Hides: s.Hides(), Layer: s.Layer, Severity: string(s.Severity),
		Heal: string(s.Heal), Package: s.Package, Version: s.Version, OldVersion: output.Clean(s.OldVersion), Detail: output.Clean(s.Detail),
		Below: below, More: s.More, Bytes: s.Bytes,
	}
}

const aboutShadows = `Lists what lies in a delta, or in the seed that a running container is mounted with, over files of the
host. Under HIDES is whether it keeps a patch from the container: the host changed the file since the
container was made, and the container shows other bytes. It stays so until the entry goes; see
'sysctr delta reset'. HEAL is what would be done about it; nothing is done here.

redundant       as the host has it           whiteout   removed in the container
metadata        with another mode or owner   opaque     a directory that hides what the host has in it
vendor-old      of another version           derived    made by a program, such as the bundle of certificates
conffile        edited configuration         accounts   users and groups
modified-older  the container's package is   database   the container's own package database
modified-newer    older or newer             own        nothing of the host is below it (with --own)
modified        other bytes or another kind

A library of your own in /usr/local/lib, or a path in /etc/ld.so.conf.d, can stand in for the host's. It
is no shadow but your file, and you have to patch it.

`

func (a *app) deltaShadows() *cobra.Command {
	var t targeting
	var own bool
	c := &cobra.Command{
		Use: "shadows TARGET…", Short: "Show what in deltas lies over files of the host, and hides patches", Args: atLeastOneTarget,
		ValidArgsFunction: a.completeTargets,
		Long:              aboutShadows + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		RunE: func(c *cobra.Command, args []string) error {
			return a.lookAt(c, &t, args, func(m *manager.Manager, names []string) error {
				items := []shadowed{}
				err := m.DeltaShadows(c.Context(), names, own, func(name string, found []shadow.Shadow) {
					items = slices.Grow(items, len(found))
					for _, s := range found {
						items = append(items, shadowedOf(name, s))
					}
				})
				if err != nil {
					return err
				}
				return output.List[shadowed]{Kind: "DeltaShadowList", Items: items, Empty: "no shadows", Columns: []output.Column[shadowed]{
					{Header: "name", Cell: func(s shadowed) string { return s.Name }},
					{Header: "path", Cell: func(s shadowed) string { return s.Path }},
					{Header: "class", Cell: func(s shadowed) string { return s.Class }},
					{Header: "hides", Cell: func(s shadowed) string { return map[bool]string{true: s.Severity, false: "-"}[s.Hides] }},
					{Header: "heal", Cell: func(s shadowed) string { return s.Heal }},
					{Header: "detail", Cell: func(s shadowed) string { return s.Detail }, Elastic: true},
				}}.Print(a.printer, a.format)
			})
		},
	}
	t.flag(c)
	c.Flags().BoolVar(&own, "own", false, "list the container's own files too")
	return c
}
