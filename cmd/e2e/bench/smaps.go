package bench

import (
	"strconv"
	"strings"
)

// Field returns the number of a line "NAME:  123 kB" of a text such as /proc/meminfo, false if there is none.
func Field(text, name string) (float64, bool) {
	for _, line := range strings.Split(text, "\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return kib(value)
		}
	}
	return 0, false
}

func kib(value string) (float64, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
	return n, err == nil
}

// Mapped adds up, in KiB, what is resident of the mappings of a file and this process's share of it, from the text of /proc/PID/smaps
// (proc_pid_smaps(5)). The file is named by the end of its path.
func Mapped(smaps, file string) (rss, pss float64) {
	counts := false
	for _, line := range strings.Split(smaps, "\n") {
		fields := strings.Fields(line)
		if len(fields) > 0 && !strings.HasSuffix(fields[0], ":") { // the head of a mapping: address, permissions, …, path
			counts = strings.HasSuffix(line, file)
			continue
		}
		if !counts {
			continue
		}
		for name, sum := range map[string]*float64{"Rss": &rss, "Pss": &pss} {
			if n, ok := Field(line, name); ok {
				*sum += n
			}
		}
	}
	return rss, pss
}
