package shadow

import "strings"

// MaxStatus bounds, in bytes, what is read of a container's own package database.
const MaxStatus = 64 << 20

// Versions reads the status file of a container's own dpkg (deb822(5)), which is hostile, and returns the versions of what is unpacked or
// installed there, as "NAME:ARCH". What makes no sense is passed over.
func Versions(status string) map[string]string {
	found := map[string]string{}
	for stanza := range strings.SplitSeq(status, "\n\n") {
		fields := map[string]string{}
		for line := range strings.SplitSeq(stanza, "\n") {
			key, value, ok := strings.Cut(line, ":")
			switch key {
			case "Package", "Architecture", "Version", "Status":
				if ok {
					fields[key] = strings.TrimSpace(value)
				}
			}
		}
		state := fields["Status"]
		there := !strings.HasSuffix(state, " config-files") && !strings.HasSuffix(state, " not-installed")
		if there && fields["Package"] != "" && fields["Version"] != "" {
			found[fields["Package"]+":"+fields["Architecture"]] = fields["Version"]
		}
	}
	return found
}
