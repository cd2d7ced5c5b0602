package lxc

import (
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

// Host is what starters and commands know alike of this host and this boot. It is a value that touches nothing by itself.
type Host struct {
	Dirs   Dirs
	Layout alive.Layout
	Boot   string // see alive.BootID
	Live   record.LiveStore
}

// OpenHost reads what does not change until the next boot.
func OpenHost(d Dirs) (Host, error) {
	boot, err := alive.BootID()
	if err != nil {
		return Host{}, err
	}
	layout, err := alive.ReadLayout()
	if err != nil {
		return Host{}, err
	}
	return Host{Dirs: d, Layout: layout, Boot: boot, Live: record.OpenLive(d.Run, boot)}, nil
}
