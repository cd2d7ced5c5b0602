package profiles

import (
	"maps"
	"slices"
	"strings"
)

func (c *checker) patch(p Patch) {
	if p.Mode != "" {
		c.choice("patch.mode", string(p.Mode), string(Auto), string(Notify), string(Manual), string(Off))
	}
	if p.Scope != "" {
		c.choice("patch.scope", string(p.Scope), string(Affected), string(All))
	}
	if p.MaxLag != 0 {
		c.duration("patch.max_lag", p.MaxLag, "1h", "365d")
	}
	c.amount("patch.max_unavailable", p.MaxUnavailable)
	c.each("patch.after", p.After, c.fixed)
	c.each("patch.window", p.Window, func(key, s string) {
		if _, err := ParseWindow(s); err != nil {
			c.add(key, err.Error(), "")
		}
	})
	c.duration("patch.cooldown", p.Cooldown, "0s", "30d")
	c.argv("patch.probe", p.Probe)
	if p.ProbeTimeout != 0 {
		c.duration("patch.probe_timeout", p.ProbeTimeout, "1s", "1h")
	}
	if !c.count("patch.packages", len(p.Packages)) {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(p.Packages)) {
		key := "patch.packages." + bound(k)
		if !isPackage(k) {
			c.add(key, quote(k)+" is not the name of a package", "")
		}
		c.choice(key, string(p.Packages[k]), string(ReactRestart), string(ReactLazy), string(ReactIgnore))
	}
}

// isPackage holds for the names of deb and rpm packages.
func isPackage(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 128 && strings.Trim(s, letters+"+._-~") == "" && strings.Trim(s[:1], letters) == ""
}
