package lxc

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/sysctr/sysctr/overlay/mask"
)

// maskAge is how long a batch goes by one look at the host: a dozen starts. Looking means to stat some hundred paths, and what changes between a
// start's own look and its mounts is not seen either.
const maskAge = 200 * time.Millisecond

// masks is a cache of masks that remembers for a moment what it has found fresh. It belongs to one starter.
type masks struct {
	mask.Cache
	age time.Duration // for how long

	mu    sync.Mutex
	known map[string]knownMask
}

type knownMask struct {
	set    mask.Set
	looked time.Time // when the look began
}

// Get is mask.Cache.Get, with an answer that may be as old as m.age.
func (m *masks) Get(r mask.Rules, shift mask.Shift, mounts []string) (mask.Set, error) {
	key := fmt.Sprintf("%s %d %q", r.Key(), shift.Base, mounts)
	m.mu.Lock() // also while looking: whoever starts at the same moment wants the same answer
	defer m.mu.Unlock()
	if k, ok := m.known[key]; ok && time.Since(k.looked) < m.age && there(k.set.Mask) {
		return k.set, nil
	}
	looked := time.Now()
	set, err := m.Cache.Get(r, shift, mounts)
	if err != nil {
		return mask.Set{}, err
	}
	if m.known == nil || shift.Base != 0 { // shifted masks are of one container each: none is asked for twice
		m.known = map[string]knownMask{}
	}
	m.known[key] = knownMask{set: set, looked: looked}
	return set, nil
}

// there says whether a mask has not been swept by another starter meanwhile.
func there(dir string) bool {
	_, err := os.Lstat(dir)
	return err == nil
}
