package mask

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

const maxUnits = 256 // enabled in one container, with all that Also= brings

// enabledLink is a link below /etc/systemd/system.
type enabledLink struct{ name, target string }

func (l enabledLink) put(b *builder) {
	at := path.Join(units, l.name)
	if placed, err := b.h.place(units); err == nil {
		at = path.Join(placed, l.name)
	}
	if _, taken := b.mask[at]; !taken {
		b.mask.put(Entry{Path: at, Kind: Link, Mode: 0o777, Target: l.target})
	}
}

// enable links the units as "systemctl enable" would, into the mask, and returns the names of all that are enabled.
func (b *builder) enable(names []string) ([]string, error) {
	type wish struct {
		name string
		also bool // only asked for by another unit, which does not insist
	}
	var queue []wish
	for _, n := range names {
		queue = append(queue, wish{name: n})
	}
	var done []string
	for ; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		unit, file, in, err := b.unit(w.name)
		switch {
		case err != nil && w.also:
			continue
		case err != nil:
			return nil, fmt.Errorf("unit %q: %w", w.name, err)
		case slices.Contains(done, unit):
			continue
		case len(done) == maxUnits:
			return nil, fmt.Errorf("%w: more than %d units", ErrUnit, maxUnits)
		}
		links, err := unitLinks(unit, file, in)
		if err != nil {
			return nil, fmt.Errorf("unit %q: %w", w.name, err)
		}
		for _, l := range links {
			l.put(b)
		}
		done = append(done, unit)
		for _, also := range in.also {
			queue = append(queue, wish{name: also, also: true})
		}
	}
	return done, nil
}

// unit reads the file of the unit called name and returns the unit's full name, the path of its file and its [Install] section.
func (b *builder) unit(name string) (unit, file string, in install, err error) {
	unit = name
	if !slices.Contains(unitTypes(), path.Ext(unit)) {
		unit += ".service"
	}
	if !validUnit(unit) {
		return "", "", in, fmt.Errorf("%w: not a unit name", ErrRule)
	}
	if file, err = b.findUnit(unit); err != nil {
		return "", "", in, err
	}
	data, n, err := b.h.read(file, maxUnitFile)
	if err != nil {
		return "", "", in, err
	}
	if n.mode&0o004 == 0 || len(data) == 0 {
		return "", "", in, fmt.Errorf("%w: /%s is masked on the host (empty, or not readable by others)", ErrUnit, file)
	}
	if in, err = parseInstall(data); err != nil {
		return "", "", in, fmt.Errorf("%w: /%s: %w", ErrUnit, file, err)
	}
	unit, err = instantiate(unit, path.Base(file), in.instance)
	return unit, file, in, err
}

// findUnit returns the placed path of the unit's file; that of its template if an instance has none of its own.
func (b *builder) findUnit(unit string) (string, error) {
	names := []string{unit}
	if t, instance := template(unit); instance != "" {
		names = append(names, t)
	}
	for _, name := range names {
		for _, dir := range unitDirs() {
			file, err := b.h.follow(path.Join(dir, name))
			if err != nil {
				return "", err
			}
			if file == "dev/null" {
				return "", fmt.Errorf("%w: /%s/%s is masked on the host (a link to /dev/null)", ErrUnit, dir, name)
			}
			n, err := b.h.stat(file)
			if err != nil {
				return "", err
			}
			if _, veiled := b.veils.over(file); n.isRegular() && !veiled {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("%w: %s is not in /usr/lib/systemd/system of the host; install the package that brings it", ErrUnit, unit)
}

// instantiate returns the name under which the unit is enabled: an alias becomes what its file is called, a template its default instance.
func instantiate(unit, file, standard string) (string, error) {
	_, instance := template(unit)
	if t, own := template(file); t != file || own != "" || !strings.Contains(file, "@") {
		return file, nil // the file is of one unit
	}
	if instance == "" {
		instance = standard
	}
	if instance == "" {
		return "", fmt.Errorf("%w: a template needs an instance, as in %s", ErrUnit, strings.Replace(file, "@.", "@one.", 1))
	}
	name := strings.Replace(file, "@.", "@"+instance+".", 1)
	if !validUnit(name) {
		return "", fmt.Errorf("%w: %q is not a unit name", ErrUnit, name)
	}
	return name, nil
}

// unitLinks returns the links that enable unit. It is pure. A unit whose file says nothing of enabling is wanted by the target of its kind,
// unless it is one that only had to be unmasked.
func unitLinks(unit, file string, in install) ([]enabledLink, error) {
	bare := len(in.wantedBy)+len(in.requiredBy)+len(in.upheldBy)+len(in.also)+len(in.alias) == 0
	if bare && !slices.Contains(unitsMasked(), unit) {
		in.wantedBy = []string{standardTarget(path.Ext(unit))}
	}
	target := "/" + file
	var links []enabledLink
	for _, l := range []struct {
		by     []string
		suffix string
	}{{in.wantedBy, ".wants/"}, {in.requiredBy, ".requires/"}, {in.upheldBy, ".upholds/"}} {
		for _, word := range l.by {
			name, err := expand(word, unit)
			if err != nil {
				return nil, err
			}
			links = append(links, enabledLink{name + l.suffix + unit, target})
		}
	}
	for _, word := range in.alias {
		name, err := expand(word, unit)
		if err != nil {
			return nil, err
		}
		if name != unit && path.Ext(name) == path.Ext(unit) {
			links = append(links, enabledLink{name, target})
		}
	}
	return links, nil
}

// expand replaces the specifiers of systemd.unit(5) that an [Install] section may have, and validates the name.
func expand(word, unit string) (string, error) {
	prefix := strings.TrimSuffix(unit, path.Ext(unit))
	name, instance, _ := strings.Cut(prefix, "@")
	last := name[strings.LastIndexByte(name, '-')+1:]
	out := strings.NewReplacer("%%", "%", "%n", unit, "%N", prefix, "%p", name, "%i", instance, "%j", last).Replace(word)
	if !validUnit(out) {
		return "", fmt.Errorf("%w: its [Install] section names %q, which is not a unit name", ErrUnit, word)
	}
	return out, nil
}

// template splits "a@b.service" into "a@.service" and "b"; other names have no instance.
func template(unit string) (name, instance string) {
	ext := path.Ext(unit)
	name, instance, ok := strings.Cut(strings.TrimSuffix(unit, ext), "@")
	if !ok {
		return unit, ""
	}
	return name + "@" + ext, instance
}

func unitTypes() []string {
	return []string{".service", ".socket", ".timer", ".path", ".target", ".mount", ".automount", ".swap", ".slice", ".scope", ".device"}
}

// validUnit reports whether s is a unit name: a known suffix and only the bytes that systemd allows, so that it is one path component.
func validUnit(s string) bool {
	ext := path.Ext(s)
	if len(s) > 255 || !slices.Contains(unitTypes(), ext) || len(ext) == len(s) || strings.HasPrefix(s, "@") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune(`:-_.\@`, r)
	})
}

func standardTarget(ext string) string {
	switch ext {
	case ".socket":
		return "sockets.target"
	case ".timer":
		return "timers.target"
	case ".path":
		return "paths.target"
	default:
		return "multi-user.target"
	}
}
