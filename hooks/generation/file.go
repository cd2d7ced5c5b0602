package generation

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A file of the archive is three things: a line "sysctr KIND FORMAT DIGEST", with the digest of the next line; one line of JSON, the header;
// and the body, deflated, whose length and digest are in the header.

const (
	format     = 1
	maxHeader  = 64 << 20
	maxStored  = 1 << 30 // bytes of a file
	maxBody    = 2 << 30 // bytes of an inflated body
	tempPrefix = ".new-"
)

// body says what follows a header.
type body struct {
	Size   int64  `json:"size"`   // bytes of it, as stored
	Digest string `json:"digest"` // of it, as stored
}

// pack makes a file of a kind; header is given the body before it is encoded.
func pack(kind string, content []byte, header func(body) any) ([]byte, error) {
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(content)
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	text, err := json.Marshal(header(body{Size: int64(deflated.Len()), Digest: sum(deflated.Bytes())}))
	if err != nil {
		return nil, err
	}
	first := fmt.Sprintf("sysctr %s %d %s\n", kind, format, sum(text))
	return bytes.Join([][]byte{[]byte(first), text, []byte("\n"), deflated.Bytes()}, nil), nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// unpackHeader reads the header of a file of a kind from its beginning into header, and returns how many bytes it had.
func unpackHeader(kind string, file []byte, header any) (int, error) {
	first, rest, ok := bytes.Cut(file, []byte("\n"))
	words := strings.Split(string(first[:min(len(first), 200)]), " ")
	if !ok || len(words) < 3 || words[0] != "sysctr" || words[1] != kind {
		return 0, fmt.Errorf("%w: it does not begin as a %s does", ErrDamaged, kind)
	}
	if words[2] != strconv.Itoa(format) {
		return 0, fmt.Errorf("%w (format %.20q)", ErrFormat, words[2])
	}
	text, _, okText := bytes.Cut(rest, []byte("\n"))
	if !okText || len(words) != 4 || sum(text) != words[3] {
		return 0, fmt.Errorf("%w: its header is not what was written", ErrDamaged)
	}
	if err := json.Unmarshal(text, header); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return len(first) + len(text) + 2, nil
}

// stored returns the body of a file as it is stored, if it is what was written.
func (b body) stored(file []byte, at int) ([]byte, error) {
	if int64(len(file)-at) != b.Size || sum(file[at:]) != b.Digest {
		return nil, fmt.Errorf("%w: its content is not what was written", ErrDamaged)
	}
	return file[at:], nil
}

func inflate(stored []byte) ([]byte, error) {
	r := flate.NewReader(bytes.NewReader(stored))
	content, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(content) > maxBody {
		err = fmt.Errorf("more than %d bytes", maxBody)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return content, nil
}

// readFile reads a regular file; all of it, or if limit is less, only its beginning.
func readFile(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxStored {
		return nil, fmt.Errorf("%w: %s is no file of at most %d bytes", ErrDamaged, path, maxStored)
	}
	content := make([]byte, min(limit, info.Size()))
	_, err = io.ReadFull(file, content)
	return content, err
}

// writeFile writes a file durably and atomically. On an error what was there is intact.
func writeFile(path string, content []byte) error {
	temp := filepath.Join(filepath.Dir(path), tempPrefix+rand.Text())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		if errRemove := os.Remove(temp); !errors.Is(errRemove, fs.ErrNotExist) {
			err = errors.Join(err, errRemove)
		}
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("write %s: it is in place, but may not survive a power cut: %w", path, err)
	}
	return nil
}
