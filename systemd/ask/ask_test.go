package ask_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/sysctr/sysctr/systemd/ask"
)

// bus is one that answers with what it was given, and keeps what it is asked.
type bus struct {
	io.Reader
	asked bytes.Buffer
}

func (b *bus) Write(p []byte) (int, error) { return b.asked.Write(p) }

func number(answer string) (uint32, string, error) {
	b := &bus{Reader: strings.NewReader(answer)}
	n, err := ask.Number(b, "65534", "org.example", "/org/example", "org.example.Manager", "Count")
	return n, b.asked.String(), err
}

// The parts of answers, as dbus-daemon 1.14 sends them.
const (
	ok     = "OK 6b1f1e0d2f0a4c0c9d7b6a5f4e3d2c1b\r\n"
	hello  = "l\x02\x01\x01\x09\x00\x00\x00\x01\x00\x00\x00\x0f\x00\x00\x00\x05\x01u\x00\x01\x00\x00\x00\x08\x01g\x00\x01s\x00\x00\x04\x00\x00\x00:1.5\x00"
	signal = "l\x04\x01\x01\x00\x00\x00\x00\x02\x00\x00\x00\x08\x00\x00\x00\x02\x01s\x00\x00\x00\x00\x00"
	begin  = "l\x02\x01\x01\x08\x00\x00\x00\x03\x00\x00\x00\x0f\x00\x00\x00"
	fields = "\x05\x01u\x00\x02\x00\x00\x00\x08\x01g\x00\x01v\x00\x00"
	three  = "\x01u\x00\x00\x03\x00\x00\x00"
)

// answers are good ones, and what a container may say instead.
func answers() map[string]string {
	return map[string]string{
		"three":              ok + hello + signal + begin + fields + three,
		"three, big endian":  ok + hello + "B\x02\x01\x01\x00\x00\x00\x08\x00\x00\x00\x03\x00\x00\x00\x0f\x05\x01u\x00\x00\x00\x00\x02\x08\x01g\x00\x01v\x00\x00\x01u\x00\x00\x00\x00\x00\x03",
		"":                   "",
		"not let in":         "REJECTED EXTERNAL\r\n",
		"an endless line":    strings.Repeat("OK ", 1000),
		"no answer":          ok + hello + signal,
		"signals only":       ok + strings.Repeat(signal, 1000),
		"an error":           ok + hello + "l\x03" + begin[2:] + fields + three,
		"text":               ok + hello + begin + fields + "\x01s\x00\x00\x03\x00\x00\x00",
		"too many fields":    ok + begin[:12] + "\xff\xff\xff\x7f" + fields + three,
		"too long":           ok + "l\x02\x01\x01\xff\xff\xff\x07" + begin[8:] + fields + three,
		"cut off":            ok + hello + begin + fields + "\x01u",
		"fields cut off":     ok + hello + begin[:12] + "\x05\x00\x00\x00\x05\x01u\x00\x02",
		"to another message": ok + hello + begin + strings.Replace(fields, "\x02", "\x07", 1) + three,
	}
}

func TestNumber(t *testing.T) {
	for summary, answer := range answers() {
		n, _, err := number(answer)
		if good := strings.HasPrefix(summary, "three"); good && (n != 3 || err != nil) || !good && err == nil {
			t.Errorf("%s: %d, %v", summary, n, err)
		}
	}
}

// What is asked is what others take for D-Bus messages.
func TestQuestion(t *testing.T) {
	_, asked, _ := number("")
	greeting, messages, found := strings.Cut(asked, "\r\nBEGIN\r\n")
	if !found || greeting != "\x00AUTH EXTERNAL 3635353334" {
		t.Errorf("it says %q", greeting)
	}
	in := bufio.NewReader(strings.NewReader(messages))
	for i, want := range []struct {
		service, path, iface, member string
		args                         []any
	}{
		{"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", nil},
		{"org.example", "/org/example", "org.freedesktop.DBus.Properties", "Get", []any{"org.example.Manager", "Count"}},
	} {
		m, err := dbus.DecodeMessage(in)
		if err != nil {
			t.Fatal(err)
		}
		got := []any{
			m.Type, m.Serial(), m.Headers[dbus.FieldDestination].Value(), m.Headers[dbus.FieldPath].Value(), m.Headers[dbus.FieldInterface].Value(), m.Headers[dbus.FieldMember].Value(),
		}
		is := []any{dbus.TypeMethodCall, uint32(i + 1), want.service, dbus.ObjectPath(want.path), want.iface, want.member}
		for j := range is {
			if got[j] != is[j] {
				t.Errorf("message %d has %v, want %v", i, got[j], is[j])
			}
		}
		if len(m.Body) != len(want.args) || len(m.Body) == 2 && (m.Body[0] != want.args[0] || m.Body[1] != want.args[1]) {
			t.Errorf("message %d asks %v, want %v", i, m.Body, want.args)
		}
	}
	if in.Buffered() > 0 {
		t.Errorf("%d bytes follow", in.Buffered())
	}
}

// A bus that says no end of things is not listened to for ever, and what is not in its answer is not read from it.
func FuzzNumber(f *testing.F) {
	for _, answer := range answers() {
		f.Add([]byte(answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		b := &bus{Reader: io.MultiReader(bytes.NewReader(answer), zeros{})}
		n, err := ask.Number(b, "0", "a.b", "/", "a.b", "C")
		answer = append(answer, make([]byte, 8)...)
		if err == nil && !bytes.Contains(answer, binary.LittleEndian.AppendUint32(nil, n)) && !bytes.Contains(answer, binary.BigEndian.AppendUint32(nil, n)) {
			t.Errorf("%d is read from %q", n, answer)
		}
	})
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
