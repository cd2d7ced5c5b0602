package profiles

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/profiles/name"
)

//go:embed system.yaml command.yaml
var builtins embed.FS

const (
	builtinPrefix = "built-in "
	suffix        = ".yaml"
	// maxExtends is how many profiles may build on each other.
	maxExtends = 8
)

// Library is where profiles are looked up by name: the built-in ones and a directory of files NAME.yaml. It keeps nothing; each call reads
// the files as they are then. The zero Library has only the built-in profiles.
type Library struct {
	dir string
}

// Open gives the library of a directory, commonly /etc/sysctr/profiles. It need not exist; then there are only the built-in profiles.
func Open(dir string) Library {
	return Library{dir: dir}
}

// Info is what a list of profiles shows of one.
type Info struct {
	Name        string
	Description string
	// File is the profile's file, or "built-in NAME".
	File string
	// Err says why the profile cannot be used, if it cannot.
	Err error
}

// Names lists all profiles by name, also those that cannot be used. Hidden files and those that do not end in .yaml or .yml are no profiles.
func (l Library) Names() ([]Info, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	var list []Info
	for _, n := range builtinNames() {
		list = append(list, l.info(n, builtinPrefix+n))
	}
	for _, e := range entries {
		file := filepath.Join(l.dir, e.Name())
		n, ok := strings.CutSuffix(e.Name(), suffix)
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case ok && !isBuiltin(n): // of those, info has told already
			list = append(list, l.info(n, file))
		case strings.HasSuffix(e.Name(), ".yml"):
			list = append(list, Info{Name: bound(e.Name()), File: file, Err: &Error{File: file, Reason: "not a profile", Hint: "rename it to end in " + suffix}})
		}
	}
	slices.SortFunc(list, func(a, b Info) int { return name.Compare(a.Name, b.Name) })
	return list, nil
}

func (l Library) info(profile, file string) Info {
	p, err := l.Load(profile)
	if err == nil {
		_, err = p.Resolve(nil)
	}
	if p == nil {
		p = &Profile{}
	}
	return Info{Name: bound(profile), Description: p.Description, File: file, Err: err}
}

func builtinNames() []string { return []string{"command", "system"} }

func isBuiltin(profile string) bool { return slices.Contains(builtinNames(), profile) }

// Load gives the profile of that name with all it extends. The error wraps name.ErrName for what is no name and ErrNotFound for what does
// not exist; else it joins one *Error per problem.
func (l Library) Load(profile string) (*Profile, error) {
	if err := name.Check(profile); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return l.load(profile, nil)
}

// Read is Load for a file anywhere, as if it lay in the directory: for looking at a profile before it is put there.
func (l Library) Read(file string) (*Profile, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	p, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	if isBuiltin(p.Name) {
		return nil, builtinName(p.Name, file)
	}
	if err := l.extend(p, nil); err != nil {
		return nil, err
	}
	return p, nil
}

// Resolve is Load and then Profile.Resolve.
func (l Library) Resolve(profile string, set []string) (Spec, error) {
	p, err := l.Load(profile)
	if err != nil {
		return Spec{}, err
	}
	return p.Resolve(set)
}

// load reads a profile that those named in below build on, the nearest last.
func (l Library) load(profile string, below []string) (*Profile, error) {
	file, data, err := l.source(profile)
	if err != nil {
		return nil, err
	}
	p, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	if err := l.extend(p, below); err != nil {
		return nil, err
	}
	return p, nil
}

// extend finds what p builds on.
func (l Library) extend(p *Profile, below []string) error {
	if p.Extends == "" {
		return nil
	}
	at := p.own.at["extends"]
	wrong := &Error{File: p.File, Line: at.line, Column: at.column, Key: "extends"}
	chain := append(slices.Clone(below), p.Name)
	if slices.Contains(chain, p.Extends) {
		wrong.Reason = "goes in a circle: " + strings.Join(append(chain, p.Extends), " -> ")
		return wrong
	}
	if len(chain) >= maxExtends {
		wrong.Reason = fmt.Sprintf("more than %d profiles build on each other", maxExtends)
		return wrong
	}
	var err error
	p.parent, err = l.load(p.Extends, chain)
	var missing *notFound
	if errors.As(err, &missing) && missing.profile == p.Extends {
		wrong.Reason, wrong.Hint, wrong.cause = "there is no profile "+quote(p.Extends), missing.hint, ErrNotFound
		return wrong
	}
	return err
}

// source gives the text of a profile.
func (l Library) source(profile string) (file string, data []byte, err error) {
	path := filepath.Join(l.dir, profile+suffix)
	if isBuiltin(profile) {
		if _, err := os.Lstat(path); err == nil && l.dir != "" {
			return "", nil, builtinName(profile, path)
		}
		data, err := builtins.ReadFile(profile + suffix)
		return builtinPrefix + profile, data, err
	}
	err = fs.ErrNotExist
	if l.dir != "" { // else the path would be looked up in the working directory
		data, err = readFile(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, &notFound{profile: profile, hint: l.similar(profile)}
	}
	return path, data, err
}

func builtinName(profile, file string) error {
	return &Error{
		File: file, Reason: fmt.Sprintf("%q is the name of a built-in profile", profile),
		Hint: "rename the file, and build on the built-in one with extends: " + profile,
	}
}
