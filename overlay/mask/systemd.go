package mask

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

const units = "etc/systemd/system"

// system puts the clean set of units into the mask: none that the host enables, and those of the rules.
func (b *builder) system() error {
	if !b.rules.System {
		return nil
	}
	target, err := b.findUnit("multi-user.target")
	if err != nil {
		return fmt.Errorf("%w; install systemd on the host, or use a profile with a command", err)
	}
	enabledLink{"default.target", "/" + target}.put(b) // first, so that no Alias= of an enabled unit takes its place
	enabled, err := b.enable(b.rules.Units)
	if err != nil {
		return err
	}
	for _, name := range unitsMasked() {
		if !slices.Contains(enabled, name) {
			enabledLink{name, "/dev/null"}.put(b)
		}
	}
	for _, name := range dependenciesMasked() {
		enabledLink{name, "/dev/null"}.put(b)
	}
	if err := errors.Join(b.maskGenerators(), b.unwant(enabled)); err != nil {
		return err
	}
	enabledLink{"multi-user.target.wants/" + lingerService, "/" + units + "/" + lingerService}.put(b)
	for p, text := range systemTexts() {
		at, err := b.h.place(p)
		if err != nil {
			return err
		}
		b.mask.put(Entry{Path: at, Kind: File, Mode: 0o644, Data: []byte(text)})
	}
	return nil
}

// maskGenerators keeps every generator of the host from running: they start what the host's own configuration asks for.
func (b *builder) maskGenerators() error {
	for _, dir := range generatorDirs() {
		placed, err := b.h.follow(dir)
		if err != nil {
			return err
		}
		names, err := b.h.list(placed)
		if err != nil {
			return err
		}
		for _, name := range names {
			if name == argumentsGenerator && b.rules.Arguments {
				continue
			}
			at, err := b.h.place(path.Join("etc/systemd/system-generators", name))
			if err != nil {
				return err
			}
			b.mask.put(Entry{Path: at, Kind: Link, Mode: 0o777, Target: "/dev/null"})
		}
	}
	return nil
}

// unwant hides the links of /usr/lib by which targets want units that are masked, or do nothing in a container: systemd reads each, only to see
// that. The masks stay, for whoever wants a unit in another way.
func (b *builder) unwant(enabled []string) error {
	unwanted := unlisted(append(unitsMasked(), unitsIdle()...), enabled)
	for _, dir := range unitDirs() {
		placed, err := b.h.follow(dir)
		if err != nil {
			return err
		}
		names, err := b.h.list(placed)
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.HasSuffix(name, ".wants") {
				continue
			}
			links, err := b.h.list(path.Join(placed, name))
			if err != nil {
				return err
			}
			for _, link := range links {
				if slices.Contains(unwanted, link) {
					b.mask.put(Entry{Path: path.Join(placed, name, link), Kind: Whiteout})
				}
			}
		}
	}
	return nil
}
