package evidence_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/evidence"
)

// FuzzMaps holds that lines of maps are understood as they were made, whatever a name holds, and that nothing else is taken for one.
func FuzzMaps(f *testing.F) {
	f.Add(uint64(0x400000), uint64(0x401000), uint32(8), uint32(1), uint64(5), "/usr/lib/libc.so.6", "")
	f.Add(uint64(1), uint64(1<<63), uint32(0), uint32(0x2c), uint64(1), "/a b (deleted) (deleted)", "00400000-00401000 r-xp 00000000 00:2c")
	f.Add(uint64(0), uint64(0), uint32(0), uint32(0), uint64(0), "[heap]", "x\n")
	f.Add(uint64(7), uint64(9), uint32(253), uint32(1), uint64(1<<63), "\\012\xff", "\n\n")
	f.Fuzz(func(t *testing.T, from, to uint64, major, minor uint32, ino uint64, path, garbage string) {
		if _, _, err := evidence.ReadMaps(strings.NewReader(garbage)); err != nil && len(garbage) == 0 {
			t.Errorf("nothing is an error: %v", err)
		}
		shown := strings.ReplaceAll(path, "\n", "\\012")
		if strings.HasPrefix(path, " ") || len(shown) > unix.PathMax || major >= 1<<12 || minor >= 1<<20 {
			return // the kernel makes none of these
		}
		line := fmt.Sprintf("%08x-%08x r--p 00000000 %02x:%02x %d ", from, to, major, minor, ino)
		line = fmt.Sprintf("%-73s%s\n", line, shown)
		names, lines, err := evidence.ReadMaps(strings.NewReader(line + line))
		if err != nil || lines != 2 {
			t.Fatalf("%q: %d lines, %v", line, lines, err)
		}
		want := []string{}
		if ino != 0 {
			one := fmt.Sprintf("%x-%x %d %d %q", from, to, unix.Mkdev(major, minor), ino, shown)
			want = []string{one, one}
		}
		if !reflect.DeepEqual(names, want) {
			t.Errorf("%q is understood as %q, want %q", line, names, want)
		}
	})
}

// TestOwnMaps reads the maps of this very process, each file of which must be found by its name in map_files.
func TestOwnMaps(t *testing.T) {
	text, err := os.ReadFile("/proc/self/maps")
	must(t, err)
	names, lines, err := evidence.ReadMaps(bytes.NewReader(text))
	if err != nil || lines != bytes.Count(text, []byte("\n")) || len(names) == 0 {
		t.Fatalf("%d lines, %d files, %v", lines, len(names), err)
	}
	for _, name := range names {
		if _, err := os.Lstat("/proc/self/map_files/" + strings.Fields(name)[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzAnswer holds that what a child answers is refused or within bounds, and that a report comes through as it was sent.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"Findings":[{"Kind":"mapped","PID":1,"Comm":"\"a\"","Path":"\"/x\\xff\""}],"Processes":1,"Looked":2}`+"\n"), "/a\nb\xff", "com\x00")
	f.Add([]byte(`{"Unknown":"x"}{}`+"\n"), "", "")
	f.Add([]byte("{}\n{}\n"), "\"", "'")
	f.Add([]byte("null\n"), "/", "\u2028")
	f.Fuzz(func(t *testing.T, line []byte, path, comm string) {
		if r, err := evidence.ReadAnswer(line); err == nil {
			for _, found := range r.Findings {
				if found.PID < 0 || len(found.Path) > 4*unix.PathMax || len(found.Comm) > 256 || len(found.Detail) > 512 {
					t.Errorf("out of bounds: %+v", found)
				}
			}
			if again, err := evidence.ReadAnswer(evidence.WriteAnswer(r)); err != nil || !reflect.DeepEqual(r.Findings, again.Findings) {
				t.Errorf("%+v comes through as %+v, %v", r, again, err)
			}
		}
		if len(path) > unix.PathMax || len(comm) > 256 {
			return
		}
		sent := evidence.Report{Findings: []evidence.Finding{{Kind: evidence.Open, PID: 1, Path: path, Comm: comm}}, Processes: 1}
		if got, err := evidence.ReadAnswer(evidence.WriteAnswer(sent)); err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("%+v comes through as %+v, %v", sent, got, err)
		}
	})
}
