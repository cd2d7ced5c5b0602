package mask

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	maxUnitFile  = 256 << 10
	maxUnitWords = 64 // in one list of an [Install] section
)

// install is the [Install] section of a unit file (systemd.unit(5)).
type install struct {
	wantedBy, requiredBy, upheldBy, also, alias []string
	instance                                    string // DefaultInstance=
}

// parseInstall reads the [Install] section of a unit file as systemd does: later assignments add, an empty one clears, what it does not
// know is ignored. It is an error if the file has a NUL byte or a list of more than maxUnitWords words.
func parseInstall(data []byte) (install, error) {
	var in install
	if len(data) > maxUnitFile {
		return in, fmt.Errorf("unit file is larger than %d bytes", maxUnitFile)
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return in, fmt.Errorf("line %d: NUL byte", 1+bytes.Count(data[:i], []byte("\n")))
	}
	section := ""
	for _, line := range unitLines(string(data)) {
		if strings.HasPrefix(line.text, "[") {
			section = line.text
			continue
		}
		key, value, ok := strings.Cut(line.text, "=")
		if section != "[Install]" || !ok {
			continue
		}
		if err := in.set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
			return install{}, fmt.Errorf("line %d: %w", line.number, err)
		}
	}
	return in, nil
}

func (in *install) set(key, value string) error {
	list := map[string]*[]string{
		"WantedBy": &in.wantedBy, "RequiredBy": &in.requiredBy, "UpheldBy": &in.upheldBy, "Also": &in.also, "Alias": &in.alias,
	}[key]
	switch {
	case key == "DefaultInstance":
		in.instance = value
	case list == nil:
	case value == "":
		*list = nil
	default:
		*list = append(*list, strings.Fields(value)...)
		if len(*list) > maxUnitWords {
			return fmt.Errorf("%s= has more than %d words", key, maxUnitWords)
		}
	}
	return nil
}

// unitLine is a line of a unit file, put together from continued ones.
type unitLine struct {
	number int
	text   string
}

// unitLines returns the lines that say something, trimmed, with continued ones joined. Comments are dropped, also between continued lines.
func unitLines(text string) []unitLine {
	var all []unitLine
	open := false
	for i, raw := range strings.Split(text, "\n") {
		line := strings.TrimSpace(raw)
		comment := strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";")
		if comment || line == "" && !open {
			continue
		}
		body, more := strings.CutSuffix(line, `\`)
		if open {
			last := &all[len(all)-1]
			last.text = strings.TrimSpace(last.text + " " + body)
		} else {
			all = append(all, unitLine{number: i + 1, text: strings.TrimSpace(body)})
		}
		open = more
	}
	return all
}
