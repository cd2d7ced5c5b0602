package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
)

// explained is one path as JSON shows it.
type explained struct {
	Path        string   `json:"path"`
	Layer       string   `json:"layer"`
	Package     string   `json:"package"`
	Version     string   `json:"version"`
	OldVersion  string   `json:"oldVersion"`
	HostInode   uint64   `json:"hostInode"`
	HostDigest  string   `json:"hostDigest"`
	SeenInode   uint64   `json:"seenInode"`
	SeenDigest  string   `json:"seenDigest"`
	Reasons     []reason `json:"reasons"`
	ShadowClass string   `json:"shadowClass"`
	Cure        string   `json:"cure"`
}

func (a *app) patchWhy() *cobra.Command {
	return &cobra.Command{
		Use: "why NAME PATH|PACKAGE", Short: "Explain where a path of a container comes from", Args: cobra.ExactArgs(2), ValidArgsFunction: a.completeTargets,
		Long: `Says which layer supplies a path, what is the host's, who uses it and what would bring the host's.
Of a package it explains those files that are a reason for the container's verdict.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch),
		Example: "  sysctr patch why web7 /usr/lib/x86_64-linux-gnu/libssl.so.3\n  sysctr patch why web7 libssl3",
		RunE: func(c *cobra.Command, args []string) error {
			return a.observe(c, &targeting{}, args[:1], func(m *manager.Manager, found []manager.Container) error {
				if len(found) != 1 {
					return usage(errors.New("why explains a path of one container"))
				}
				j, paths, err := m.Why(c.Context(), found[0], args[1])
				if errors.Is(err, manager.ErrNoPath) {
					return &output.Error{Exit: output.ExitNoMatch, Err: err}
				}
				if err != nil {
					return err
				}
				return a.explain(j, paths, args[1])
			})
		},
	}
}

func (a *app) explain(j manager.Judged, paths []manager.Explanation, what string) error {
	items := make([]explained, len(paths))
	for i, e := range paths {
		items[i] = explainedOf(j, e)
	}
	if a.format != output.FormatTable && a.format != output.FormatWide {
		return output.List[explained]{Kind: "PatchWhyList", Items: items, Columns: []output.Column[explained]{
			{Header: "path", Cell: func(e explained) string { return e.Path }},
		}}.Print(a.printer, a.format)
	}
	if len(items) == 0 {
		a.printer.Say("%s is %s, and %s is no reason for that", j.Name, j.Verdict, what)
		return nil
	}
	var fields []output.Field
	for _, e := range items {
		fields = append(fields, e.fields()...)
	}
	return a.printer.Details(append(fields, output.Field{Label: "verdict", Value: string(j.Verdict)}))
}

func explainedOf(j manager.Judged, e manager.Explanation) explained {
	v := explained{
		Path: output.Clean(e.Path), Layer: e.Layer, Package: e.Package, Version: e.Version, OldVersion: e.Old,
		HostInode: e.HostIno, HostDigest: e.Host, SeenInode: e.SeenIno, SeenDigest: e.Seen, Reasons: reasonsOf(e.Reasons), Cure: cure(j, e),
	}
	if e.Shadow != nil {
		v.ShadowClass = string(e.Shadow.Class)
	}
	return v
}

// cure is what an operator would do that the host's file is seen.
func cure(j manager.Judged, e manager.Explanation) string {
	switch {
	case e.Shadow != nil && e.Shadow.Class != shadow.Redundant && e.Layer == shadow.Delta:
		return fmt.Sprintf("'sysctr delta reset %s %s' while it is stopped, if its owner agrees", j.Name, output.Clean(e.Shadow.Path))
	case len(e.Reasons) > 0 || e.SeenIno != 0:
		return "'sysctr restart " + j.Name + "'"
	}
	return ""
}

func (e explained) fields() []output.Field {
	fields := []output.Field{{Label: "path", Value: e.Path}, {Label: "layer", Value: strings.TrimSpace(e.Layer + " " + e.ShadowClass)}}
	add := func(label, value string) {
		if value != "" {
			fields = append(fields, output.Field{Label: label, Value: value})
		}
	}
	switch {
	case e.Package != "" && e.OldVersion != "":
		add("package", fmt.Sprintf("%s %s -> %s", e.Package, e.OldVersion, e.Version))
	default:
		add("package", strings.TrimSpace(e.Package+" "+e.Version))
	}
	add("host", file(e.HostInode, e.HostDigest))
	add("container", file(e.SeenInode, e.SeenDigest))
	var used []string
	for _, r := range e.Reasons {
		used = append(used, r.text())
	}
	add("because", strings.Join(used, "\n"))
	add("cure", e.Cure)
	return fields
}

// file is an inode with what is in it.
func file(inode uint64, digest string) string {
	if inode == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("inode %d %s", inode, digest))
}
