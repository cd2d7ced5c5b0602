package manager

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// networkFormat is the version of the stored network that this sysctr reads and writes.
const networkFormat = 1

// Fixed is the managed network as the host has it for good.
type Fixed struct {
	Format int `json:"format"`
	network.Network
	// Last is the index that was given out last: the next one is looked for behind it.
	Last int `json:"last"`
}

func fixedFile(d lxc.Dirs) string { return filepath.Join(d.State, "network.json") }

// LoadFixed returns the network that host init has fixed; the error wraps lxc.ErrNotPrepared if there is none.
func LoadFixed(d lxc.Dirs) (Fixed, error) {
	text, err := os.ReadFile(fixedFile(d))
	if errors.Is(err, fs.ErrNotExist) {
		return Fixed{}, fmt.Errorf("%w: it has no network", lxc.ErrNotPrepared)
	}
	if err != nil {
		return Fixed{}, fmt.Errorf("read the network: %w", err)
	}
	var f Fixed
	if err := json.Unmarshal(text, &f); err != nil {
		return Fixed{}, fmt.Errorf("read %s: %w", fixedFile(d), err)
	}
	if f.Format != networkFormat {
		return Fixed{}, fmt.Errorf("%s is of format %d; use the sysctr that wrote it", fixedFile(d), f.Format)
	}
	if err := f.Check(nil); err != nil {
		return Fixed{}, fmt.Errorf("read %s: %w", fixedFile(d), err)
	}
	return f, nil
}

func (f Fixed) save(d lxc.Dirs) error {
	text, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return err
	}
	return record.WriteFile(fixedFile(d), append(text, '\n'), 0o600)
}

// fix returns the network that the host is to have from now on, and whether it is another than before. What was fixed once stays, unless the
// configuration wants another; routes are the host's. Containers keep their indices, and so get other addresses.
func fix(old Fixed, want profiles.Subnets, routes []netip.Prefix) (Fixed, bool, error) {
	next := old
	if old.Format == 0 {
		var seed [16]byte
		_, _ = rand.Read(seed[:]) // never fails
		derived, err := network.Derive(seed, routes)
		if err != nil && (want.IPv4 == "" || want.IPv6 == "") {
			return old, false, err
		}
		next = Fixed{Format: networkFormat, Network: derived}
	}
	for _, part := range []struct {
		text string
		into *netip.Prefix
	}{{want.IPv4, &next.IPv4}, {want.IPv6, &next.IPv6}} {
		if part.text == "" {
			continue
		}
		p, err := netip.ParsePrefix(part.text)
		if err != nil {
			return old, false, fmt.Errorf("%w: %w", network.ErrSubnet, err)
		}
		*part.into = p
	}
	if next == old {
		return old, false, nil
	}
	return next, true, next.Check(routes)
}

// prepare fixes the network, once, and makes the host hold it.
func (w wires) prepare(ctx context.Context, want profiles.Subnets) ([]string, error) {
	old, err := LoadFixed(w.dirs)
	if err != nil && !errors.Is(err, lxc.ErrNotPrepared) {
		return nil, err
	}
	routes, err := network.Routes()
	if err != nil {
		return nil, err
	}
	next, changed, err := fix(old, want, routes)
	if err != nil {
		return nil, err
	}
	if changed {
		if err := w.move(old, next); err != nil {
			return nil, err
		}
		if err := next.save(w.dirs); err != nil {
			return nil, err
		}
	}
	made, err := w.sync(ctx)
	if changed {
		made = append([]string{fmt.Sprintf("%v and %v", next.IPv4, next.IPv6)}, made...)
	}
	return made, err
}

// move refuses another network while containers have addresses of the old one, or would have none in the new one.
func (w wires) move(old, next Fixed) error {
	if old.Format == 0 {
		return nil
	}
	entries, err := record.Open(w.dirs.State).List()
	if err != nil {
		return err
	}
	boot, err := alive.BootID()
	if err != nil {
		return err
	}
	running := record.OpenLive(w.dirs.Run, boot)
	for _, e := range entries {
		if len(e.Record.Network) == 0 {
			continue
		}
		if _, err := next.Picture([]network.Claim{claimOf(e.Record, e.Record.Spec.Network)}); err != nil {
			return err
		}
		if live, err := running.Load(e.Name); err == nil && live.Init.Alive() {
			return fmt.Errorf("the network cannot become %v and %v while %s runs with an address of %v; stop all containers first", next.IPv4, next.IPv6, e.Name, old.IPv4)
		}
	}
	return nil
}
