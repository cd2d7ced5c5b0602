package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// hasIPv6 reports whether interfaces get IPv6 addresses; root is /proc/sys.
func hasIPv6(root string) bool {
	off, err := os.ReadFile(filepath.Join(root, "net/ipv6/conf/default/disable_ipv6"))
	return err == nil && strings.TrimSpace(string(off)) == "0"
}

// ensureSettings tells the kernel what routing for containers needs, see Ensure; root is /proc/sys.
func ensureSettings(root string, published []Published) ([]string, error) {
	type setting struct{ path, value string }
	loopback := "0"
	if slices.ContainsFunc(published, func(p Published) bool { return p.four() && (p.all() || p.Address.IsLoopback()) }) {
		loopback = "1"
	}
	settings := []setting{{"net/ipv4/ip_forward", "1"}, {"net/ipv4/conf/" + BridgeName + "/route_localnet", loopback}}
	if hasIPv6(root) {
		accepting, err := acceptsRoutes(root)
		if err != nil {
			return nil, err
		}
		for _, path := range accepting {
			settings = append(settings, setting{path, "2"})
		}
		settings = append(settings, setting{"net/ipv6/conf/" + BridgeName + "/accept_ra", "0"}, setting{"net/ipv6/conf/all/forwarding", "1"})
	}
	var changed []string
	for _, s := range settings {
		path := filepath.Join(root, s.path)
		old, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(old)) == s.value {
			continue
		}
		if err := os.WriteFile(path, []byte(s.value+"\n"), 0); err != nil {
			return changed, fmt.Errorf("set %s to %s: %w", strings.ReplaceAll(s.path, "/", "."), s.value, err)
		}
		changed = append(changed, strings.ReplaceAll(s.path, "/", ".")+" = "+s.value)
	}
	return changed, nil
}

// acceptsRoutes returns the settings of the host's interfaces that take routes from advertisements only as long as the host is no router: with
// forwarding on, these would lose their way out. The bridge is none of them, nor are ports.
func acceptsRoutes(root string) ([]string, error) {
	const conf = "net/ipv6/conf"
	entries, err := os.ReadDir(filepath.Join(root, conf))
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		if e.Name() == BridgeName || strings.HasPrefix(e.Name(), portPrefix) {
			continue
		}
		path := filepath.Join(conf, e.Name(), "accept_ra")
		value, err := os.ReadFile(filepath.Join(root, path))
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(string(value)) == "1" {
			list = append(list, path)
		}
	}
	return list, nil
}
