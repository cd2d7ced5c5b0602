package mask

// Layout lets the golden tests tie themselves to the version of what Build makes.
const Layout = layout

// Words are the lists of an [Install] section.
type Words struct {
	WantedBy, RequiredBy, UpheldBy, Also, Alias []string
	Instance                                    string
}

// ParseInstall opens the parser of unit files to the tests.
func ParseInstall(data []byte) (Words, error) {
	in, err := parseInstall(data)
	return Words{in.wantedBy, in.requiredBy, in.upheldBy, in.also, in.alias, in.instance}, err
}

// Accounts are the four files that come of a passwd and a group.
type Accounts struct{ Passwd, Group, Shadow, Gshadow []byte }

// RewriteAccounts opens the way from the host's account files to a container's to the tests.
func RewriteAccounts(passwd, group []byte) (Accounts, error) {
	users, err := parsePasswd(passwd)
	if err != nil {
		return Accounts{}, err
	}
	groups, err := parseGroup(group)
	if err != nil {
		return Accounts{}, err
	}
	a := withoutHumans(users, groups)
	return Accounts{a.passwd(), a.group(), a.shadow(), a.gshadow()}, nil
}

// Globs are all globs of the tables.
func Globs() []string {
	all := append(etcHidden(), hiddenElsewhere()...)
	for _, s := range secrets() {
		all = append(all, s.glob)
	}
	return all
}
