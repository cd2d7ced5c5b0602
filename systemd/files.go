package systemd

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"regexp"
)

//go:embed units
var units embed.FS

// File is one unit file: its base name and its content.
type File struct {
	Name string
	Data []byte
}

// Units returns the unit files, sorted by name, for a program that lies at the absolute path binary. A path that systemd would not take
// literally (spaces, quotes, %, $) is refused with ErrSetting.
func Units(binary string) ([]File, error) {
	if !regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`).MatchString(binary) || path.Clean(binary) != binary {
		return nil, fmt.Errorf("program path %q: %w: want a clean absolute path of letters, digits and ._+-", binary, ErrSetting)
	}
	entries, err := units.ReadDir("units")
	if err != nil {
		return nil, fmt.Errorf("read embedded unit files: %w", err)
	}
	var files []File
	for _, entry := range entries {
		data, err := units.ReadFile(path.Join("units", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read embedded unit file: %w", err)
		}
		files = append(files, File{Name: entry.Name(), Data: bytes.ReplaceAll(data, []byte("@BINARY@"), []byte(binary))})
	}
	return files, nil
}
