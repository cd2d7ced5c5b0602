package mask

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// layout is the version of what Build makes of the same host and rules. Raise it with every change of a table or a generated text, or
// masks that an older sysctr cached would be used on.
const layout = 8

// CanaryDir is the directory of the host in which canaries are planted. Every container sees it.
const CanaryDir = "/var/cache/sysctr"

const maxRules = 1024 // paths or units in one list

// Rules are what a profile says of visibility. The zero value hides the default and starts nothing.
type Rules struct {
	// Hide and Share are absolute clean paths of the host. Hide takes away what would be seen; Share lifts what is hidden by default and
	// is refused where a container must never look (ErrMandatory). Hide wins. Paths that do not exist are no error.
	Hide  []string `json:"hide,omitempty"`
	Share []string `json:"share,omitempty"`
	// Units are enabled in the container; a name without a suffix is a service. Their files come from the host's /usr/lib.
	Units []string `json:"units,omitempty"`
	// System says that the container boots systemd.
	System bool `json:"system,omitempty"`
	// Arguments says that its systemd is given some.
	Arguments bool `json:"arguments,omitempty"`
}

// Key returns a digest of the rules that is the same for lists of the same members, in 16 hexadecimal digits. It also changes with what
// this version of the package makes of rules.
func (r Rules) Key() string {
	// Strings of arbitrary bytes are quoted, since JSON would make all invalid UTF-8 the same.
	quoted := Rules{Hide: quoted(r.Hide), Share: quoted(r.Share), Units: quoted(r.Units), System: r.System, Arguments: r.Arguments}
	text, err := json.Marshal(struct {
		Layout int
		Rules
	}{layout, quoted})
	if err != nil {
		panic(err) // strings and booleans always marshal
	}
	return digest(text)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

func quoted(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		out = append(out, fmt.Sprintf("%+q", s))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// check validates r without looking at the host.
func (r Rules) check() error {
	if len(r.Hide) > maxRules || len(r.Share) > maxRules || len(r.Units) > maxRules {
		return fmt.Errorf("%w: more than %d entries in one list", ErrRule, maxRules)
	}
	for _, p := range slices.Concat(r.Hide, r.Share) {
		if p == "/" || !path.IsAbs(p) || !clean(strings.TrimPrefix(p, "/")) {
			return fmt.Errorf("%w: %q is not an absolute clean path below /", ErrRule, p)
		}
	}
	for _, p := range r.Hide {
		if within(CanaryDir, p) {
			return fmt.Errorf("%w: hide %s would hide %s, where each start proves that secrets are sealed; hide single paths in it",
				ErrRule, p, CanaryDir)
		}
	}
	for _, p := range r.Share {
		if reason, ok := Mandatory(p); ok {
			return fmt.Errorf("share %s: %w: %s", p, ErrMandatory, reason)
		}
	}
	if len(r.Units) > 0 && !r.System {
		return fmt.Errorf("%w: units are enabled, but nothing boots systemd", ErrRule)
	}
	return nil
}

// Mandatory reports whether no profile may share the absolute path p, and why: it or a directory above it is hidden in every container.
// It is pure.
func Mandatory(p string) (reason string, ok bool) {
	rel := strings.TrimPrefix(path.Clean(p), "/")
	for _, above := range lineage(rel) {
		for _, s := range secrets() {
			if match(s.glob, above) {
				return fmt.Sprintf("/%s holds %s of the host", above, s.what), true
			}
		}
	}
	return "", false
}

// match is path.Match for the globs of our own tables, which a test proves well formed.
func match(glob, p string) bool {
	ok, err := path.Match(glob, p)
	return ok && err == nil
}
