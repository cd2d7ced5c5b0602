package manager

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/hooks/pkgdb"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
)

// HostSource returns the host below root as generations are taken of it: what any container with one of the rules may see of the filesystems that
// belong to the base. It sees more than each single container does: what rules hide, and what a common layer or a seed has in its place, is in it.
// The rules are asked for and the mask is decided when the host is looked at, and not before, so that asking for the current generation stays
// cheap. A path that they show besides and that an older generation does not have counts as changed since.
func HostSource(root string, filesystems []overlay.Filesystem, rules func() ([]mask.Rules, error)) (generation.Source, error) {
	db, err := pkgdb.Detect(root)
	if errors.Is(err, pkgdb.ErrNone) {
		db, err = nil, nil
	}
	if err != nil {
		return generation.Source{}, err
	}
	var points []string
	for _, fs := range filesystems {
		points = append(points, fs.Point)
	}
	v := &visible{root: root, rules: rules, points: points}
	return generation.Source{
		DB: db, Root: root, Points: points, Prepare: v.prepare, Visible: v.visible,
		Scope: fmt.Sprintf("%s %q", mask.Rules{}.Key(), points), Release: release(root),
	}, nil
}

// visible is what of a host a mask shows.
type visible struct {
	root   string
	rules  func() ([]mask.Rules, error)
	points []string
	hidden map[string]bool
}

func (v *visible) prepare() ([]string, error) {
	rules, err := v.rules()
	if err != nil {
		return nil, err
	}
	all := mask.Rules{}
	for _, r := range rules {
		all.Share = append(all.Share, r.Share...)
	}
	slices.Sort(all.Share)
	all.Share = slices.Compact(all.Share)
	layers, err := mask.BuildFor(v.root, all, v.points)
	if err != nil {
		return nil, err
	}
	v.hidden = map[string]bool{mask.CanaryDir: true} // every start writes there
	for _, e := range layers.Mask {
		if e.Kind != mask.Dir {
			v.hidden["/"+e.Path] = true
		}
	}
	return all.Share, nil
}

// visible is asked for a path only if it has said yes to all above it.
func (v *visible) visible(path string, _ bool) bool { return !v.hidden[path] }

// release returns the host's distribution and version from os-release(5), as "debian 12"; empty if it does not say.
func release(root string) string {
	for _, path := range []string{"etc/os-release", "usr/lib/os-release"} {
		text, err := tree(root).read(path)
		if err != nil {
			continue
		}
		values := map[string]string{}
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				values[key] = strings.Trim(value, `"'`)
			}
		}
		return strings.TrimSpace(values["ID"] + " " + values["VERSION_ID"])
	}
	return ""
}
