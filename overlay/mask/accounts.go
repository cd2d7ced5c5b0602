package mask

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	maxAccounts = 65536 // lines in a file
	firstHuman  = 1000  // the first id of a human, on every distribution that sysctr knows
	nobodyID    = 65534
)

// user is a line of passwd(5); its password is never kept.
type user struct {
	name, gecos, home, shell string
	uid, gid                 uint32
}

// group is a line of group(5); its password is never kept.
type group struct {
	name    string
	gid     uint32
	members []string
}

// parsePasswd reads passwd(5) strictly. Blank lines, comments and lines for NIS ("+", "-") are skipped as libc skips them, and of two lines
// for one name the first counts. Errors give the number of the line and never its content.
func parsePasswd(data []byte) ([]user, error) {
	var users []user
	seen := map[string]bool{}
	err := eachAccount(data, 7, func(f []string) error {
		uid, err := parseID(f[2])
		if err != nil {
			return err
		}
		gid, err := parseID(f[3])
		if err != nil {
			return err
		}
		if !seen[f[0]] {
			users = append(users, user{name: f[0], uid: uid, gid: gid, gecos: f[4], home: f[5], shell: f[6]})
		}
		seen[f[0]] = true
		return nil
	})
	return users, err
}

// parseGroup reads group(5) under the rules of parsePasswd.
func parseGroup(data []byte) ([]group, error) {
	var groups []group
	seen := map[string]bool{}
	err := eachAccount(data, 4, func(f []string) error {
		gid, err := parseID(f[2])
		if err != nil {
			return err
		}
		var members []string
		for m := range strings.SplitSeq(f[3], ",") {
			if m != "" {
				members = append(members, m)
			}
		}
		if !seen[f[0]] {
			groups = append(groups, group{name: f[0], gid: gid, members: members})
		}
		seen[f[0]] = true
		return nil
	})
	return groups, err
}

// eachAccount calls keep with the fields of every line that has an account.
func eachAccount(data []byte, fields int, keep func([]string) error) error {
	lines := bytes.Split(data, []byte("\n"))
	if len(lines) > maxAccounts {
		return fmt.Errorf("more than %d lines", maxAccounts)
	}
	for i, raw := range lines {
		line := string(raw)
		if strings.TrimSpace(line) == "" || strings.ContainsRune("#+-", rune(line[0])) {
			continue
		}
		f := strings.Split(line, ":")
		var err error
		switch {
		case len(f) != fields:
			err = fmt.Errorf("has %d fields instead of %d", len(f), fields)
		case !accountName(f[0]):
			err = errors.New("has a name that is no account name")
		case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }):
			err = errors.New("has a control character")
		default:
			err = keep(f)
		}
		if err != nil {
			return fmt.Errorf("line %d %w", i+1, err)
		}
	}
	return nil
}

// accountName reports whether s can be the name of an account: short, printable, and safe between colons, commas and slashes.
func accountName(s string) bool {
	return s != "" && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(":,/", r)
	})
}

func parseID(s string) (uint32, error) {
	id, err := strconv.ParseUint(s, 10, 32)
	if err != nil || id == 1<<32-1 { // (uid_t)-1 means "none" to the kernel
		return 0, errors.New("has an id that is no number between 0 and 4294967294")
	}
	return uint32(id), nil
}

// accounts are those of a container.
type accounts struct {
	users  []user
	groups []group
}

// withoutHumans keeps the accounts of the system: ids below 1000, nobody, and the groups that kept users have as their own. Members of
// groups are kept if they are. It is pure.
func withoutHumans(users []user, groups []group) accounts {
	var a accounts
	names, gids := map[string]bool{}, map[uint32]bool{}
	for _, u := range users {
		if u.uid < firstHuman || u.uid == nobodyID {
			a.users = append(a.users, u)
			names[u.name], gids[u.gid] = true, true
		}
	}
	for _, g := range groups {
		if g.gid < firstHuman || g.gid == nobodyID || gids[g.gid] {
			g.members = slices.DeleteFunc(slices.Clone(g.members), func(m string) bool { return !names[m] })
			a.groups = append(a.groups, g)
		}
	}
	return a
}

// gid returns the id of the group called name.
func (a accounts) gid(name string) (uint32, bool) {
	for _, g := range a.groups {
		if g.name == name {
			return g.gid, true
		}
	}
	return 0, false
}

// passwd, group, shadow and gshadow return the files; every password is locked and shadowed.
func (a accounts) passwd() []byte {
	var b bytes.Buffer
	for _, u := range a.users {
		fmt.Fprintf(&b, "%s:x:%d:%d:%s:%s:%s\n", u.name, u.uid, u.gid, u.gecos, u.home, u.shell)
	}
	return b.Bytes()
}

func (a accounts) group() []byte {
	var b bytes.Buffer
	for _, g := range a.groups {
		fmt.Fprintf(&b, "%s:x:%d:%s\n", g.name, g.gid, strings.Join(g.members, ","))
	}
	return b.Bytes()
}

func (a accounts) shadow() []byte {
	var b bytes.Buffer
	for _, u := range a.users {
		b.WriteString(u.name + ":*:::::::\n")
	}
	return b.Bytes()
}

func (a accounts) gshadow() []byte {
	var b bytes.Buffer
	for _, g := range a.groups {
		b.WriteString(g.name + ":*::" + strings.Join(g.members, ",") + "\n")
	}
	return b.Bytes()
}
