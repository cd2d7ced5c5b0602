package profiles

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/profiles/name"
)

// The bounds of a spec.
const (
	maxItems  = 256  // entries of one list or map
	maxString = 4096 // bytes of one text; PATH_MAX of Linux
	maxArgs   = 64
	maxPids   = 1 << 22 // PID_MAX_LIMIT of Linux
	maxCores  = 8192    // NR_CPUS of Linux
)

// problem is what is wrong with the value at one key of a spec.
type problem struct {
	key, reason, hint string
}

// checker gathers the problems of one spec.
type checker struct {
	problems []problem
}

func (c *checker) add(key, reason, hint string) {
	c.problems = append(c.problems, problem{key, reason, hint})
}

// Validate says whether the spec may be used: whether every value is one that a profile could have given, and fits the others. It is the
// choke point for specs from anywhere; Resolve has called it, and whoever loads a spec from a record calls it again. The error joins one
// *Error per problem, at most twenty.
func (s Spec) Validate() error {
	var errs []*Error
	for _, p := range s.problems() {
		errs = append(errs, &Error{File: "spec", Key: p.key, Reason: p.reason, Hint: p.hint})
	}
	return join(errs)
}

func (s Spec) problems() []problem {
	c := &checker{}
	if err := name.Check(s.Profile); err != nil {
		c.add("profile", err.Error(), "")
	}
	if len(s.Set) > maxSets {
		c.add("set", fmt.Sprintf("%d values, and %d are allowed", len(s.Set), maxSets), "write a profile")
	}
	for i, v := range s.Set[:min(len(s.Set), maxSets)] { // one may be given twice: the later one counts
		c.text(fmt.Sprintf("set[%d]", i), v, MaxSize)
	}
	c.text("description", s.Description, 200)
	c.process(s)
	c.environment(s.Environment)
	c.choice("isolation", string(s.Isolation), string(Private), string(Shared), string(Privileged))
	c.visible(s)
	c.mounts(s)
	c.limits(s.Limits)
	c.each("drop", s.Drop, func(key, v string) { c.choice(key, v, Capabilities()...) })
	c.within("priority", int64(s.Priority), 0, 100)
	c.stop(s.Stop)
	c.each("tags", s.Tags, c.tag)
	c.choice("restart", string(s.Restart), string(OnFailure), string(Always), string(Never))
	c.network(s.Network)
	c.ports(s.Ports)
	c.patch(s.Patch)
	c.choice("usr", string(s.Usr), string(UsrOverlay), string(UsrShared))
	return c.problems
}

// process checks what runs: one of init and command, and what goes only with the former.
func (c *checker) process(s Spec) {
	switch {
	case len(s.Init) > 0 && len(s.Command) > 0:
		c.add("command", "a container has init or command, not both", "leave one of them out")
	case len(s.Init) == 0 && len(s.Command) == 0:
		c.add("init", "a container needs init or command", "")
	case len(s.Units) > 0 && len(s.Command) > 0:
		c.add("units", "a container that runs a command has no systemd for units", "use init: instead of command:")
	}
	c.argv("init", s.Init)
	c.argv("command", s.Command)
	c.each("units", s.Units, c.unit)
}

func (c *checker) argv(key string, args []string) {
	if len(args) > maxArgs {
		c.add(key, fmt.Sprintf("%d arguments, and %d are allowed", len(args), maxArgs), "put them into a script")
		return
	}
	for i, arg := range args {
		c.text(fmt.Sprintf("%s[%d]", key, i), arg, maxString)
	}
	if len(args) > 0 {
		c.path(key+"[0]", args[0])
	}
}

func (c *checker) unit(key, unit string) {
	stem, kind, ok := cutLast(unit, ".")
	kinds := []string{"service", "socket", "timer", "path", "target"}
	switch {
	case len(unit) > 255 || strings.Trim(unit, unitLetters) != "" || !ok || stem == "" || strings.HasPrefix(stem, "@"):
		c.add(key, quote(unit)+" is not a unit's name", "such as ssh or ssh.service")
	case !slices.Contains(kinds, kind):
		c.add(key, fmt.Sprintf("unit %s is of a kind that cannot be enabled here", quote(unit)), "known are "+strings.Join(kinds, ", "))
	case strings.HasSuffix(stem, "@"):
		c.add(key, fmt.Sprintf("unit %s is a template", quote(unit)), "write an instance of it: "+stem+"NAME."+kind)
	}
}

// unitLetters are the characters of systemd.unit(5).
const unitLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@"

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (c *checker) environment(env map[string]string) {
	if len(env) > maxItems {
		c.add("environment", fmt.Sprintf("%d entries, and %d are allowed", len(env), maxItems), "")
		return
	}
	for _, k := range slices.Sorted(maps.Keys(env)) {
		key := "environment." + bound(k)
		switch {
		case !isVariable(k):
			c.add(key, quote(k)+" is not the name of a variable", "use letters, digits and underscores, no digit first")
		case slices.Contains([]string{"NOTIFY_SOCKET", "container", "container_uuid"}, k):
			c.add(key, k+" is set by sysctr", "leave it out")
		}
		c.text(key, env[k], maxString)
	}
}

func isVariable(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

func (c *checker) tag(key, tag string) {
	if err := name.Check(tag); err != nil {
		c.add(key, err.Error(), "")
	}
}

func (c *checker) limits(l Limits) {
	if l.Memory != 0 && (l.Memory < 8<<20 || l.Memory > 1<<50) {
		c.add("limits.memory", fmt.Sprintf("%s is not between 8M and 1024T", formatMemory(l.Memory)), "none lifts the limit")
	}
	if l.CPU != 0 && (l.CPU < 10 || l.CPU > maxCores*1000) {
		c.add("limits.cpu", fmt.Sprintf("%s is not between 0.01 and %d cores", formatCPU(l.CPU), maxCores), "none lifts the limit")
	}
	c.within("limits.pids", l.Pids, 16, maxPids)
}

func (c *checker) stop(s Stop) {
	if _, err := SignalNumber(s.Signal); err != nil {
		c.add("stop.signal", err.Error(), "")
	}
	c.duration("stop.timeout", s.Timeout, "1s", "1h")
}
