package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	unitPrefix = "sysctr@"
	unitSuffix = ".service"
)

// Target is the unit that wants the unit of every container that starts by itself, and with which all containers stop.
const Target = "sysctr.target"

// HostUnit is the unit that prepares the host before any container starts.
const HostUnit = "sysctr-host.service"

// RefreshUnit follows patches of the host.
const RefreshUnit = "sysctr-refresh.service"

// Watchers returns the units that start RefreshUnit: when a package manager has left its mark, and by the hour.
func Watchers() []string { return []string{"sysctr-refresh.path", "sysctr-refresh.timer"} }

// Unit returns the name of the unit of a container. Valid container names come out as they are; every other byte is escaped as systemd
// does it (\x2f), so that no string can name another unit or a path.
func Unit(name string) string {
	var unit strings.Builder
	unit.WriteString(unitPrefix)
	for _, b := range []byte(name) {
		if plain(b) {
			unit.WriteByte(b)
		} else {
			fmt.Fprintf(&unit, `\x%02x`, b)
		}
	}
	unit.WriteString(unitSuffix)
	return unit.String()
}

// Name is the reverse of Unit; it is false for any unit that Unit does not return.
func Name(unit string) (string, bool) {
	escaped, found := strings.CutPrefix(unit, unitPrefix)
	escaped, ends := strings.CutSuffix(escaped, unitSuffix)
	if !found || !ends {
		return "", false
	}
	var name []byte
	for len(escaped) > 0 {
		b, rest, ok := unescape(escaped)
		if !ok {
			return "", false
		}
		name, escaped = append(name, b), rest
	}
	// Two spellings of one name would be two units.
	return string(name), Unit(string(name)) == unit
}

// Booted is true if systemd is PID 1 of the system below root, by the test of sd_booted(3).
func Booted(root string) bool {
	info, err := os.Lstat(filepath.Join(root, "run/systemd/system"))
	return err == nil && info.IsDir()
}

func plain(b byte) bool {
	return b == '-' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z'
}

func unescape(s string) (b byte, rest string, ok bool) {
	if plain(s[0]) {
		return s[0], s[1:], true
	}
	if len(s) < 4 || s[:2] != `\x` {
		return 0, "", false
	}
	value, err := strconv.ParseUint(s[2:4], 16, 8)
	return byte(value), s[4:], err == nil
}
