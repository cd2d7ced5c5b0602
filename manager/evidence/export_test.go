package evidence

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// ReadMaps shows how maps are understood: one text per line that maps a file.
func ReadMaps(r io.Reader) (files []string, lines int, err error) {
	files = []string{}
	lines, err = readMaps(r, func(m mapping) { files = append(files, fmt.Sprintf("%s %d %d %q", m.name(), m.dev, m.ino, m.path)) })
	return files, lines, err
}

// ReadAnswer is how Look reads a child's answer.
func ReadAnswer(line []byte) (Report, error) {
	var r Report
	err := receive(bufio.NewReader(bytes.NewReader(line)), maxAnswer, &r)
	if err == nil {
		err = r.unpack()
	}
	return r, err
}

// WriteAnswer is how a child writes it.
func WriteAnswer(r Report) []byte {
	var line bytes.Buffer
	if err := send(&line, r.pack()); err != nil {
		panic(err)
	}
	return line.Bytes()
}
