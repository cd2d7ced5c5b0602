package profiles

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// each checks every item of a list of words, that there are not too many, and none twice.
func (c *checker) each(key string, items []string, check func(key, item string)) {
	if !c.count(key, len(items)) {
		return
	}
	seen := map[string]bool{}
	for i, item := range items {
		below := fmt.Sprintf("%s[%d]", key, i)
		if seen[item] {
			c.add(below, quote(item)+" is listed twice", "")
			continue
		}
		seen[item] = true
		check(below, item)
	}
}

func (c *checker) count(key string, n int) bool {
	if n > maxItems {
		c.add(key, fmt.Sprintf("%d entries, and %d are allowed", n, maxItems), "")
	}
	return n <= maxItems
}

func (c *checker) text(key, s string, most int) {
	if bad := badText(s, most); bad != "" {
		c.add(key, bad, "")
	}
}

func (c *checker) choice(key, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	hint := didYouMean(strings.TrimPrefix(strings.ToLower(value), "cap_"), allowed)
	if hint == "" {
		hint = "known are " + strings.Join(allowed, ", ")
	}
	c.add(key, quote(value)+" is not known", hint)
}

func (c *checker) within(key string, n, least, most int64) {
	if n < least || n > most {
		c.add(key, fmt.Sprintf("%d is not between %d and %d", n, least, most), "")
	}
}

// duration checks against bounds in the text form, which is what a human is told.
func (c *checker) duration(key string, d Duration, least, most string) {
	low, lowErr := ParseDuration(least)
	high, highErr := ParseDuration(most)
	if lowErr != nil || highErr != nil || d < low || d > high {
		c.add(key, fmt.Sprintf("%s is not between %s and %s", d, least, most), "")
	}
}

// path checks that p is absolute, clean, and of the length that Linux allows; it says whether p is.
func (c *checker) path(key, p string) bool {
	reason, hint := badPath(p)
	if reason != "" {
		c.add(key, reason, hint)
	}
	return reason == ""
}

func badPath(p string) (reason, hint string) {
	if bad := badText(p, maxString-1); bad != "" {
		return bad, ""
	}
	if !strings.HasPrefix(p, "/") {
		return quote(p) + " is not an absolute path", "begin it with /"
	}
	if clean := path.Clean(p); clean != p {
		return quote(p) + " is not a clean path", "write " + quote(clean)
	}
	for _, part := range strings.Split(p, "/") {
		if len(part) > 255 {
			return "a part of the path is longer than 255 bytes", ""
		}
	}
	return "", ""
}

// visible checks what is hidden and shown.
func (c *checker) visible(s Spec) {
	c.each("hide", s.Hide, func(key, p string) {
		if c.path(key, p) && slices.Contains(vital(), p) {
			c.add(key, "a container cannot live without "+p, "hide what is below it")
		}
	})
	c.each("share", s.Share, func(key, p string) {
		if !c.path(key, p) {
			return
		}
		if mandatory, ok := touching(p, Mandatory()); ok {
			c.add(key, fmt.Sprintf("%s cannot be shown: %s is hidden from every container", quote(p), mandatory),
				"bring in a directory of its own with mounts")
			return
		}
		if slices.Contains(s.Hide, p) {
			c.add(key, quote(p)+" is in hide, too", "leave it out of one of them, or write {replace: [...]} for the inherited list")
		}
	})
}

// mounts checks mounts and volumes, which share the targets.
func (c *checker) mounts(s Spec) {
	if !c.count("mounts", len(s.Mounts)) || !c.count("volumes", len(s.Volumes)) {
		return
	}
	taken := map[string]bool{}
	for i, m := range s.Mounts {
		key := fmt.Sprintf("mounts[%d]", i)
		c.source(key+".source", m.Source)
		c.target(key+".target", m.Target, taken)
		if m.Create != "" {
			c.choice(key+".create", string(m.Create), string(CreateDir), string(CreateFile))
		}
	}
	seen := map[string]bool{}
	for i, v := range s.Volumes {
		key := fmt.Sprintf("volumes[%d]", i)
		c.tag(key+".name", v.Name)
		if seen[v.Name] {
			c.add(key+".name", quote(v.Name)+" is listed twice", "")
		}
		seen[v.Name] = true
		c.target(key+".target", v.Target, taken)
	}
}

func (c *checker) source(key, p string) {
	if !c.path(key, p) {
		return
	}
	if other, ok := touching(p, sealed()); ok {
		c.add(key, fmt.Sprintf("%s cannot be mounted: it would bring in %s", quote(p), other), "mount a directory made for it")
	}
}

func (c *checker) target(key, p string, taken map[string]bool) {
	if !c.path(key, p) {
		return
	}
	_, inside := firstAbove(p, reserved())
	switch {
	case slices.Contains(vital(), p) || inside:
		c.add(key, "nothing can be mounted at "+quote(p), "choose a directory below /srv or /mnt")
	case taken[p]:
		c.add(key, "something else is mounted at "+quote(p), "")
	}
	taken[p] = true
}

func firstAbove(p string, dirs []string) (string, bool) {
	i := slices.IndexFunc(dirs, func(dir string) bool { return within(p, dir) })
	if i < 0 {
		return "", false
	}
	return dirs[i], true
}
