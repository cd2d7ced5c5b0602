package profiles

import (
	"errors"
	"io/fs"
	"net/netip"

	"gopkg.in/yaml.v3"
)

// Config is what the operator says of the host as a whole.
type Config struct {
	Policy  Policy
	Network Subnets
}

// Subnets are those of the managed network, empty where the host is to choose.
type Subnets struct {
	IPv4 string // a private network such as 10.91.8.0/21
	IPv6 string // a /64 of fd00::/8
}

// ConfigKeys gives every key that the configuration may have, as Keys does for profiles.
func ConfigKeys() []string {
	list := []string{"patch"}
	for _, k := range policyKeys() {
		list = append(list, "patch."+k.name)
	}
	list = append(list, "network")
	for _, k := range subnetKeys() {
		list = append(list, "network."+k.name)
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
		keys := []key[Config]{
			{name: "patch", read: section(func(c *Config) *Policy { return &c.Policy }, policyKeys())},
			{name: "network", read: section(func(c *Config) *Subnets { return &c.Network }, subnetKeys())},
		}
		if change := mapping(r, root, "", keys); change != nil {
			change(&c)
		}
	}
	if len(r.errs) == 0 {
		for _, p := range c.Policy.problems() {
			r.reportAt(p.key, Error{Reason: p.reason, Hint: p.hint})
		}
		for _, p := range c.Network.problems() {
			r.reportAt(p.key, Error{Reason: p.reason, Hint: p.hint})
		}
	}
	if len(r.errs) > 0 {
		return Config{}, join(r.errs)
	}
	return c, nil
}

func subnetKeys() []key[Subnets] {
	return []key[Subnets]{
		{name: "ipv4", read: word(func(s *Subnets) *string { return &s.IPv4 })},
		{name: "ipv6", read: word(func(s *Subnets) *string { return &s.IPv6 })},
	}
}

// problems are those of the text; whether a network can be used, and is free on this host, is for whoever makes it to say.
func (s Subnets) problems() []problem {
	c := &checker{}
	for _, own := range []struct {
		key, text, such string
		four            bool
	}{{"network.ipv4", s.IPv4, "10.91.8.0/21", true}, {"network.ipv6", s.IPv6, "fd5c:1a2b:3c4d::/64", false}} {
		p, err := netip.ParsePrefix(own.text)
		if own.text != "" && (err != nil || p.Masked().String() != own.text || p.Addr().Is4() != own.four) {
			c.add(own.key, quote(own.text)+" is not a network", "write its address and prefix length, such as "+own.such)
		}
	}
	return c.problems
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
