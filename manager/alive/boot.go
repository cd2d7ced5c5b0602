package alive

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// BootID returns the random id of this boot of the host, 36 characters (random(4)). Process ids and start times mean nothing under another.
func BootID() (string, error) {
	content, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the boot id: %w", err)
	}
	id := string(bytes.TrimSpace(content))
	if err := CheckBootID(id); err != nil {
		return "", err
	}
	return id, nil
}

// CheckBootID returns an error unless id has the form of a boot id: 32 lower case hexadecimal digits in five groups.
func CheckBootID(id string) error {
	ok := len(id) == 36
	for i := 0; ok && i < len(id); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			ok = id[i] == '-'
		} else {
			ok = strings.IndexByte("0123456789abcdef", id[i]) >= 0
		}
	}
	if !ok {
		return fmt.Errorf("%.60q is no boot id", id)
	}
	return nil
}
