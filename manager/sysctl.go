package manager

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
)

// sysctlFile is read before nearly all others, see sysctl.d(5): whatever an administrator or a package sets higher, or lower on purpose, counts.
// A limit that ends too low is raised again when the host is prepared, which is at every boot where systemd is PID 1.
const sysctlFile = "sysctl.d/10-sysctr.conf"

// setting is a kernel setting and its value.
type setting struct {
	key   string
	value int64
}

func (s setting) String() string { return s.key + " = " + strconv.FormatInt(s.value, 10) }

// raises returns the limits of Resources that are lower than containers want them. What is unknown is left alone.
func (s Supply) raises() []setting {
	var raise []setting
	for _, r := range Resources() {
		if have, known := s[r.Name]; known && have < r.Want {
			raise = append(raise, setting{r.Sysctl, r.Want})
		}
	}
	return raise
}

// sysctlText returns the content of our file: what it said before, and what is raised now. A key that we would not raise is dropped.
func sysctlText(old []byte, raise []setting) []byte {
	var out bytes.Buffer
	out.WriteString("# Written by 'sysctr host init': limits that all containers share. It never lowers one.\n")
	for _, r := range Resources() {
		said := bytes.Contains(old, []byte("\n"+r.Sysctl+" = "))
		for _, s := range raise {
			said = said || s.key == r.Sysctl
		}
		if said && r.Want > 0 {
			fmt.Fprintln(&out, setting{r.Sysctl, r.Want})
		}
	}
	return out.Bytes()
}

// raiseLimits raises what is too low, now and for every boot, and returns what it raised. What the host does not let it raise, such as the
// limits of a host that is a container itself, is in refused and no error: it may be enough.
func raiseLimits(root, etc string) (raised []setting, refused []error, err error) {
	raise := ReadSupply(root, "/", idrange.Default()).raises()
	if len(raise) == 0 {
		return nil, nil, nil
	}
	path := filepath.Join(etc, sysctlFile)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, nil, err
	}
	if text := sysctlText(old, raise); !bytes.Equal(text, old) {
		if err := record.WriteFile(path, text, 0o644); err != nil {
			return nil, nil, err
		}
	}
	for _, s := range raise {
		if err := os.WriteFile(filepath.Join(root, sysctlPath(s.key)), []byte(strconv.FormatInt(s.value, 10)), 0); err != nil {
			refused = append(refused, fmt.Errorf("raise %s: %w", s.key, err))
			continue
		}
		raised = append(raised, s)
	}
	return raised, refused, nil
}

// told writes what was raised, and what could not be, in one line.
func told(raised []setting, refused []error) string {
	var parts []string
	for _, s := range raised {
		parts = append(parts, s.String())
	}
	for _, err := range refused {
		parts = append(parts, err.Error())
	}
	return strings.Join(parts, "; ")
}
