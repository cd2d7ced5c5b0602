package manager

import (
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// OpenWith is Open on directories that are there, with another way to start containers: no mount is made and nothing of the host is needed.
func OpenWith(c Config, spawn func() (Runtime, error)) (*Manager, error) {
	locks, err := record.OpenLocks(c.Dirs.Lock())
	if err != nil {
		return nil, err
	}
	host, err := lxc.OpenHost(c.Dirs)
	if err != nil {
		return nil, err
	}
	return &Manager{Config: c, host: host, store: record.Open(c.Dirs.State), locks: locks, spawn: spawn, program: lxc.NewProgram(c.Binary, c.Looker)}, nil
}

// MakeDirs and ReserveIDs are parts of Prepare, RemoveIDs and RemoveEmpty of RemoveHost; the others change the host itself.
var (
	MakeDirs    = makeDirs
	ReserveIDs  = reserveIDs
	RemoveIDs   = removeIDs
	RemoveEmpty = removeEmpty
)
