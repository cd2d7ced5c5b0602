package mask

import (
	"fmt"
	"path"
	"strings"
)

const (
	maxAccountFile = 4 << 20
	maxSkel        = 64 << 10 // bytes of one file in /etc/skel
	maxSkelFiles   = 64
)

// fillCommon decides the common tree.
func (b *builder) fillCommon() error {
	a, err := b.readAccounts()
	if err != nil {
		return err
	}
	for _, s := range blanks() {
		if err := b.blank(s, a); err != nil {
			return err
		}
	}
	if err := b.putAccounts(a); err != nil {
		return err
	}
	if err := b.sudoers(a); err != nil {
		return err
	}
	if err := b.copyPrograms(); err != nil {
		return err
	}
	return b.copySkel()
}

func (b *builder) readAccounts() (accounts, error) {
	var users []user
	var groups []group
	for _, f := range []struct {
		path  string
		parse func([]byte) error
	}{
		{"etc/passwd", func(data []byte) (err error) { users, err = parsePasswd(data); return }},
		{"etc/group", func(data []byte) (err error) { groups, err = parseGroup(data); return }},
	} {
		placed, err := b.h.follow(f.path)
		if err != nil {
			return accounts{}, err
		}
		if n, err := b.h.stat(placed); err != nil || !n.exists() {
			return accounts{}, err // a host without accounts has none to give
		}
		data, _, err := b.h.read(placed, maxAccountFile)
		if err != nil {
			return accounts{}, err
		}
		if err := f.parse(data); err != nil {
			return accounts{}, fmt.Errorf("%w: /%s: %w; repair it on the host (pwck, grpck)", ErrHost, f.path, err)
		}
	}
	return withoutHumans(users, groups), nil
}

// putAccounts writes the account files without humans, each under the owner and mode that the host's has.
func (b *builder) putAccounts(a accounts) error {
	if len(a.users) == 0 {
		return nil
	}
	for _, f := range []struct {
		name string
		mode uint32
		data []byte
	}{
		{"etc/passwd", 0o644, a.passwd()},
		{"etc/group", 0o644, a.group()},
		{"etc/shadow", 0o640, a.shadow()},
		{"etc/gshadow", 0o640, a.gshadow()},
	} {
		p, n, err := b.find("/" + f.name)
		if err != nil {
			return err
		}
		e := Entry{Path: p, Kind: File, Mode: f.mode, Data: f.data}
		if f.mode == 0o640 {
			e.GID, _ = a.gid("shadow")
		}
		if n.isRegular() {
			e.Mode, e.UID, e.GID = n.mode&f.mode, n.uid, n.gid // RHEL has shadow with mode 0
		}
		b.common.put(e)
	}
	return nil
}

// blank puts one of the blanks into common.
func (b *builder) blank(s blank, a accounts) error {
	if s.need != "" {
		placed, err := b.h.follow(s.need)
		if err != nil {
			return err
		}
		if n, err := b.h.stat(placed); err != nil || !n.isDir() {
			return err
		}
	}
	p, n, err := b.find("/" + s.path)
	if err != nil {
		return err
	}
	e := Entry{Path: p, Kind: s.kind, Mode: s.mode}
	e.GID, _ = a.gid(s.group)
	if n.isDir() && isDir(s.kind) || n.isRegular() && s.kind == File {
		e.UID, e.GID = n.uid, n.gid
	}
	b.common.put(e)
	return nil
}

// sudoers puts a default in place of the host's, which no container can read, if the host has sudo.
func (b *builder) sudoers(a accounts) error {
	placed, err := b.h.follow("usr/bin/sudo")
	if err != nil {
		return err
	}
	if n, err := b.h.stat(placed); err != nil || !n.isRegular() {
		return err
	}
	var text strings.Builder
	text.WriteString(sudoersHead)
	for _, name := range []string{"sudo", "wheel"} {
		if _, ok := a.gid(name); ok {
			text.WriteString("%" + name + "\tALL=(ALL:ALL) ALL\n")
		}
	}
	text.WriteString(sudoersTail)
	for _, e := range []Entry{
		{Path: "etc/sudoers", Kind: File, Mode: 0o440, Data: []byte(text.String())},
		{Path: "etc/sudoers.d", Kind: Opaque, Mode: 0o750},
	} {
		if e.Path, err = b.h.place(e.Path); err != nil {
			return err
		}
		b.common.put(e)
	}
	return nil
}

// copyPrograms copies the programs that could not be executed through the inner overlay.
func (b *builder) copyPrograms() error {
	for _, name := range programs() {
		p, err := b.h.follow(name)
		if err != nil {
			return err
		}
		n, err := b.h.stat(p)
		if err != nil {
			return err
		}
		_, veiled := b.veils.over(p)
		if veiled || !n.isRegular() || n.mode&0o111 == 0 || n.mode&0o005 == 0o005 {
			continue
		}
		data, n, err := b.h.read(p, maxFile)
		if err != nil {
			return err
		}
		if _, twice := b.common[p]; !twice {
			b.copies = append(b.copies, p)
		}
		b.common.put(Entry{Path: p, Kind: File, Mode: n.mode & 0o7777, UID: n.uid, GID: n.gid, Data: data})
	}
	return nil
}

// copySkel gives root the files of /etc/skel that everybody may read.
func (b *builder) copySkel() error {
	skel, err := b.h.follow("etc/skel")
	if err != nil {
		return err
	}
	names, err := b.h.list(skel)
	if err != nil {
		return err
	}
	for _, name := range names[:min(len(names), maxSkelFiles)] {
		p := path.Join(skel, name)
		n, err := b.h.stat(p)
		if err != nil {
			return err
		}
		if !n.isRegular() || n.mode&0o004 == 0 || n.size > maxSkel {
			continue
		}
		data, _, err := b.h.read(p, maxSkel)
		if err != nil {
			return err
		}
		b.common.put(Entry{Path: "root/" + name, Kind: File, Mode: n.mode & 0o755, Data: data})
	}
	return nil
}
