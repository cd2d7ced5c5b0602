// Package ask asks a message bus that nobody may trust for one number.
//
// The bus of a container is the container's, and godbus is made for a bus that is trusted: it panics where a peer says that a name was lost and does
// not say which, and reserves what memory a message claims to need. So the few bytes of the D-Bus specification that a question takes are
// written and read here; an answer is bounded and looked at no further than for its number.
package ask

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const (
	methodCall, methodReturn, failure = 1, 2, 3 // types of messages

	fieldPath, fieldInterface, fieldMember, fieldReplySerial, fieldDestination, fieldSignature = 1, 2, 3, 5, 6, 8

	head         = 16   // bytes of a message before its fields
	mostLine     = 128  // bytes of the line that lets us in
	mostMessage  = 4096 // bytes of fields, and of a body
	mostMessages = 8    // among which is the answer
	hello        = 1    // serial numbers of what is sent
	question     = hello + 1
)

// Number returns the property of an object, of D-Bus type u. user is the number of the one whom the bus sees at the other end. The caller bounds
// the time; what is read is bounded, and whatever it is leads to a number or an error.
func Number(bus io.ReadWriter, user, service, path, iface, property string) (uint32, error) {
	m := bytes.NewBufferString("\x00AUTH EXTERNAL " + hex.EncodeToString([]byte(user)) + "\r\nBEGIN\r\n")
	const daemon = "org.freedesktop.DBus"
	m.Write(call(hello, daemon, "/org/freedesktop/DBus", daemon, "Hello"))
	m.Write(call(question, service, path, daemon+".Properties", "Get", iface, property))
	if _, err := bus.Write(m.Bytes()); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(bus, mostLine)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("OK ")) {
		return 0, fmt.Errorf("the bus does not let us in: %q", line)
	}
	for range mostMessages {
		m, err := read(in)
		switch {
		case err != nil:
			return 0, err
		case m.kind == failure:
			return 0, errors.New("the bus answers with an error")
		case m.kind != methodReturn || m.to != question:
		case len(m.body) != 8 || !bytes.Equal(m.body[:4], []byte{1, 'u', 0, 0}): // a variant with a number
			return 0, errors.New("the answer is no number")
		default:
			return m.order.Uint32(m.body[4:]), nil
		}
	}
	return 0, errors.New("the bus says much and does not answer")
}

// message is what counts of one that has come.
type message struct {
	kind  byte
	to    uint32 // the serial number of what it replies to
	order binary.ByteOrder
	body  []byte
}

func read(in io.Reader) (message, error) {
	var first [head]byte
	if _, err := io.ReadFull(in, first[:]); err != nil {
		return message{}, err
	}
	m := message{kind: first[1], order: binary.LittleEndian}
	if first[0] == 'B' {
		m.order = binary.BigEndian
	}
	size, its := m.order.Uint32(first[4:]), m.order.Uint32(first[12:])
	if size > mostMessage || its > mostMessage {
		return message{}, errors.New("the bus sends a message that is too long")
	}
	fields := make([]byte, (its+7)&^7)
	m.body = make([]byte, size)
	for _, part := range [][]byte{fields, m.body} {
		if _, err := io.ReadFull(in, part); err != nil {
			return message{}, err
		}
	}
	for at := 0; at < len(fields); at += 8 { // where a field begins; one within the text of another would fool us with the container's own word
		if bytes.HasPrefix(fields[at:], []byte{fieldReplySerial, 1, 'u', 0}) {
			m.to = m.order.Uint32(fields[at+4:])
		}
	}
	return m, nil
}

// call is a method call whose arguments are all text.
func call(serial uint32, service, path, iface, method string, args ...string) []byte {
	var fields, body, m bytes.Buffer
	for _, f := range []struct {
		code  byte
		kind  byte
		value string
	}{{fieldPath, 'o', path}, {fieldInterface, 's', iface}, {fieldMember, 's', method}, {fieldDestination, 's', service}} {
		pad(&fields, 8)
		fields.Write([]byte{f.code, 1, f.kind, 0})
		text(&fields, f.value)
	}
	if len(args) > 0 {
		pad(&fields, 8)
		fields.Write([]byte{fieldSignature, 1, 'g', 0, byte(len(args))})
		fields.Write(append(bytes.Repeat([]byte{'s'}, len(args)), 0))
	}
	for _, a := range args {
		text(&body, a)
	}
	m.Write([]byte{'l', methodCall, 0, 1})
	for _, n := range []uint32{uint32(body.Len()), serial, uint32(fields.Len())} { //nolint:gosec // small
		m.Write(binary.LittleEndian.AppendUint32(nil, n))
	}
	m.Write(fields.Bytes())
	pad(&m, 8)
	m.Write(body.Bytes())
	return m.Bytes()
}

// text writes a string where one may begin.
func text(b *bytes.Buffer, s string) {
	pad(b, 4)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) //nolint:gosec // small
	b.WriteString(s + "\x00")
}

func pad(b *bytes.Buffer, to int) { b.Write(make([]byte, (to-b.Len()%to)%to)) }
