package generation

import (
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// content is what one package brought: its files, under the key that stands for them.
type content struct {
	Key, Name, Arch, Version string
	files                    []packed
}

// packed is a file of a package; raw is the digest's bytes.
type packed struct {
	path string
	kind byte
	raw  string
}

// The kinds of a packed file: what digest it has, and whether it is a conffile.
const (
	kindNone   byte = 0
	kindMD5    byte = 1
	kindSHA256 byte = 2
	kindOf     byte = 3
	kindConf   byte = 4
)

func (p packed) file() pkgdb.File {
	f := pkgdb.File{Path: p.path, Conffile: p.kind&kindConf != 0}
	switch p.kind & kindOf {
	case kindMD5:
		f.Digest = "md5:" + hex.EncodeToString([]byte(p.raw))
	case kindSHA256:
		f.Digest = "sha256:" + hex.EncodeToString([]byte(p.raw))
	}
	return f
}

func packFile(f pkgdb.File) packed {
	p := packed{path: f.Path}
	algorithm, text, _ := strings.Cut(f.Digest, ":")
	raw, err := hex.DecodeString(text)
	switch {
	case err == nil && algorithm == "md5" && len(raw) == 16:
		p.kind, p.raw = kindMD5, string(raw)
	case err == nil && algorithm == "sha256" && len(raw) == 32:
		p.kind, p.raw = kindSHA256, string(raw)
	}
	if f.Conffile {
		p.kind |= kindConf
	}
	return p
}

// place is a path in a content.
type place struct {
	content *content
	number  int32
	next    int32 // the next place of the same path
}

func (p place) file() pkgdb.File { return p.content.files[p.number].file() }

// archive holds the contents that were read, and finds paths in them. Contents come, and never go. Packs are taken in as they are stored, and
// unpacked when the first path is asked for: most callers never ask.
type archive struct {
	mu     sync.Mutex
	known  map[string]bool  // keys of contents
	packed [][]byte         // bodies, as stored, that are not unpacked yet
	loose  []*content       // contents that are not in places yet
	heads  map[string]int32 // first place of a path
	places []place          // 0 is none
}

func newArchive() *archive {
	return &archive{known: map[string]bool{}, heads: map[string]int32{}, places: make([]place, 1)}
}

// add takes in contents that were just read from a package database.
func (a *archive) add(all []*content) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range all {
		a.known[c.Key] = true
	}
	a.loose = append(a.loose, all...)
}

// addPack takes in the body of a pack, which is what was written; nothing if all that it has is known.
func (a *archive) addPack(keys []string, stored []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := false
	for _, key := range keys {
		news = news || !a.known[key]
		a.known[key] = true
	}
	if news {
		a.packed = append(a.packed, stored)
	}
}

// has says whether the content of that key is there.
func (a *archive) has(key string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known[key]
}

// at returns every place of the path; a content that came twice has it twice.
func (a *archive) at(path string) []place {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unpack()
	var all []place
	for i := a.heads[path]; i != 0; i = a.places[i].next {
		all = append(all, a.places[i])
	}
	return all
}

// unpack makes places of what came since the last time.
func (a *archive) unpack() {
	for _, stored := range a.packed {
		buf, err := inflate(stored)
		if err == nil {
			var all []*content
			all, err = decodeContents(buf)
			a.loose = append(a.loose, all...)
		}
		if err != nil {
			panic(fmt.Sprintf("a pack is what was written, and cannot be read: %v", err)) // its digest was right
		}
	}
	a.packed = nil
	for _, c := range a.loose {
		for i := range c.files {
			path := c.files[i].path
			a.places = append(a.places, place{content: c, number: int32(i), next: a.heads[path]})
			a.heads[path] = int32(len(a.places) - 1)
		}
	}
	a.loose = nil
}

// encodeContents returns the body of a pack.
func encodeContents(all []*content) []byte {
	e := &encoder{}
	e.number(uint64(len(all)))
	for _, c := range all {
		for _, s := range []string{c.Key, c.Name, c.Arch, c.Version} {
			e.text(s)
		}
		e.number(uint64(len(c.files)))
		last := ""
		for _, f := range c.files {
			n := shared(last, f.path)
			e.number(uint64(n))
			e.text(f.path[n:])
			e.buf = append(append(e.buf, f.kind), f.raw...)
			last = f.path
		}
	}
	return e.buf
}

// decodeContents reads the body of a pack.
func decodeContents(buf []byte) ([]*content, error) {
	d := &decoder{buf: buf}
	all := make([]*content, 0, d.count())
	for range cap(all) {
		c := &content{Key: d.text(), Name: d.text(), Arch: d.text(), Version: d.text()}
		c.files = make([]packed, d.count())
		last := ""
		for i := range c.files {
			n, rest := d.number(), d.bytes(d.count())
			if n > uint64(len(last)) || n+uint64(len(rest)) > 1<<16 {
				d.fail("a path cannot be")
			}
			kind := d.bytes(1)
			if d.err != nil {
				return nil, d.err
			}
			f := packed{path: last[:n] + string(rest), kind: kind[0]}
			f.raw = string(d.bytes([]int{0, 16, 32, 0}[f.kind&kindOf]))
			c.files[i], last = f, f.path
		}
		if d.err != nil {
			return nil, d.err
		}
		all = append(all, c)
	}
	return all, d.end()
}

// packHeader is the header of pack-N.
type packHeader struct {
	Contents []string `json:"contents"` // keys, in the order of the body
	Body     body     `json:"body"`
}

// encodePack returns a file for the contents.
func encodePack(all []*content) ([]byte, error) {
	keys := make([]string, 0, len(all))
	for _, c := range all {
		keys = append(keys, c.Key)
	}
	return pack("pack", encodeContents(all), func(b body) any { return packHeader{Contents: keys, Body: b} })
}

// openPack returns the keys of the contents of a file that encodePack made, and its body as it is stored.
func openPack(file []byte) (keys []string, stored []byte, err error) {
	var h packHeader
	at, err := unpackHeader("pack", file, &h)
	if err != nil {
		return nil, nil, err
	}
	stored, err = h.Body.stored(file, at)
	return h.Contents, stored, err
}
