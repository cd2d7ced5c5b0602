package profiles

import (
	"errors"
	"io/fs"

	"gopkg.in/yaml.v3"
)

// Config is what the operator says of the host as a whole.
type Config struct {
	Policy Policy
}

// ConfigKeys gives every key that the configuration may have, as Keys does for profiles.
func ConfigKeys() []string {
	list := []string{"patch"}
	for _, k := range policyKeys() {
		list = append(list, "patch."+k.name)
	}
	return list
}

// ReadConfig reads the configuration, commonly /etc/sysctr/config.yaml. Where there is none, the defaults hold.
func ReadConfig(file string) (Config, error) {
	data, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{Policy: DefaultPolicy()}, nil
	}
	if err != nil {
		return Config{}, err
	}
	return ParseConfig(file, data)
}

// ParseConfig reads the text of a configuration; it is held to the same language as a profile. The error joins one *Error per problem.
func ParseConfig(file string, data []byte) (Config, error) {
	r := newReader(file)
	c := Config{Policy: DefaultPolicy()}
	if root := r.load(data); root != nil {
		keys := []key[Config]{{name: "patch", read: section(func(c *Config) *Policy { return &c.Policy }, policyKeys())}}
		if change := mapping(r, root, "", keys); change != nil {
			change(&c)
		}
	}
	if len(r.errs) == 0 {
		for _, p := range c.Policy.problems() {
			r.reportAt(p.key, Error{Reason: p.reason, Hint: p.hint})
		}
	}
	if len(r.errs) > 0 {
		return Config{}, join(r.errs)
	}
	return c, nil
}

// policyKeys are those of a profile's patch, but for what is each container's own, and those of a roll.
func policyKeys() []key[Policy] {
	var keys []key[Policy]
	for _, k := range patchKeys() {
		if k.name == "after" {
			continue
		}
		keys = append(keys, key[Policy]{name: k.name, read: func(r *reader, n *yaml.Node, path string) func(*Policy) {
			change := k.read(r, n, path)
			if change == nil {
				return nil
			}
			return func(p *Policy) { change(&p.Patch) }
		}})
	}
	return append(keys,
		key[Policy]{name: "canary", read: single(func(p *Policy) *string { return &p.Canary }, "an amount, a target or none", asWritten, "!!str", "!!int")},
		key[Policy]{name: "soak", read: readDuration(func(p *Policy) *Duration { return &p.Soak })},
		key[Policy]{name: "batch", read: readAmount(func(p *Policy) *Amount { return &p.Batch })},
		key[Policy]{name: "per_tag", read: table(func(p *Policy) *map[string]Amount { return &p.PerTag }, "an amount", "!!str", "!!int")},
		key[Policy]{name: "on_failure", read: word(func(p *Policy) *AfterFailure { return &p.OnFailure })},
		key[Policy]{name: "max_failures", read: number(func(p *Policy) *int { return &p.MaxFailures })},
		key[Policy]{name: "settle", read: readDuration(func(p *Policy) *Duration { return &p.Settle })},
	)
}

func asWritten(s string) (string, error) { return s, nil }

func readDuration[T any](field func(*T) *Duration) func(*reader, *yaml.Node, string) func(*T) {
	return single(field, "a duration such as 7d", ParseDuration, "!!str")
}

func readAmount[T any](field func(*T) *Amount) func(*reader, *yaml.Node, string) func(*T) {
	return single(field, "an amount such as 2 or 10%", ParseAmount, "!!str", "!!int")
}
