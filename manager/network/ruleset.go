package network

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Ruleset is what nftables is to hold of ours. It is a value: String writes it as nft(8) reads it, replace loads it.
type Ruleset struct{ tables []table }

type table struct {
	family nftables.TableFamily
	word   string // the family's
	sets   []*set
	chains []chain
}

// set is a named set, or a map where data is not empty.
type set struct {
	name      string
	key, data []nftables.SetDatatype
	elements  []element
}

type element struct {
	text     string
	key, val []byte
}

type chain struct {
	name, kind string // of a base chain
	hook       nftables.ChainHook
	hookWord   string
	priority   int32
	rules      []rule
}

// rule is one rule, both as text and as what the kernel gets.
type rule struct {
	text  string
	exprs []expr.Any
}

// String returns the rule set in the language of nft(8), for humans and for tests.
func (r Ruleset) String() string {
	var w strings.Builder
	for _, t := range r.tables {
		fmt.Fprintf(&w, "table %s %s {\n", t.word, TableName)
		for _, s := range t.sets {
			s.write(&w)
		}
		for _, c := range t.chains {
			fmt.Fprintf(&w, "\tchain %s {\n\t\ttype %s hook %s priority %d; policy accept;\n", c.name, c.kind, c.hookWord, c.priority)
			for _, rule := range c.rules {
				fmt.Fprintf(&w, "\t\t%s\n", rule.text)
			}
			w.WriteString("\t}\n")
		}
		w.WriteString("}\n")
	}
	return w.String()
}

func (s *set) write(w *strings.Builder) {
	kind, kinds := "set", typeNames(s.key)
	if len(s.data) > 0 {
		kind, kinds = "map", kinds+" : "+typeNames(s.data)
	}
	fmt.Fprintf(w, "\t%s %s {\n\t\ttype %s\n", kind, s.name, kinds)
	if len(s.elements) > 0 {
		texts := make([]string, 0, len(s.elements))
		for _, e := range s.elements {
			texts = append(texts, e.text)
		}
		fmt.Fprintf(w, "\t\telements = { %s }\n", strings.Join(texts, ",\n\t\t\t"))
	}
	w.WriteString("\t}\n")
}

func typeNames(types []nftables.SetDatatype) string { return nftables.MustConcatSetType(types...).Name }

// add adds an element of these parts; a colon, written as nil, stands between key and value.
func (s *set) add(parts ...any) {
	var e element
	var words []string
	into := &e.key
	for _, p := range parts {
		if p == nil {
			e.text = strings.Join(words, " . ") + " : "
			words, into = nil, &e.val
			continue
		}
		text, data := encode(p)
		words = append(words, text)
		*into = append(*into, padded(data)...)
	}
	e.text += strings.Join(words, " . ")
	s.elements = append(s.elements, e)
}

// encode returns a value as nft writes it and as the kernel has it, in network order.
func encode(v any) (string, []byte) {
	switch v := v.(type) {
	case netip.Addr:
		return v.String(), v.AsSlice()
	case MAC:
		return v.String(), v[:]
	case uint16:
		return fmt.Sprint(v), binary.BigEndian.AppendUint16(nil, v)
	case uint8:
		return fmt.Sprint(v), []byte{v}
	case string: // the name of an interface
		return fmt.Sprintf("%q", v), append([]byte(v), make([]byte, unix.IFNAMSIZ-len(v))...)
	}
	panic(fmt.Sprintf("no element of a set: %T", v))
}

// padded fills up the last register.
func padded(b []byte) []byte { return append(b, make([]byte, (4-len(b)%4)%4)...) }

// field is a value of a packet that is loaded into registers.
type field struct {
	text string
	size int
	load func(register uint32) expr.Any
}

func meta(text string, key expr.MetaKey, size int) field {
	return field{text, size, func(r uint32) expr.Any { return &expr.Meta{Key: key, Register: r} }}
}

func payload(text string, base expr.PayloadBase, offset, size uint32) field {
	return field{text, int(size), func(r uint32) expr.Any {
		return &expr.Payload{OperationType: expr.PayloadLoad, DestRegister: r, Base: base, Offset: offset, Len: size}
	}}
}

// register returns the number of the nth register of 32 bits.
func register(n int) uint32 { return uint32(unix.NFT_REG32_00 + n) }

// is holds for packets whose field begins with data; isNot for the others.
func is(f field, text string, data []byte) rule { return compare(f, expr.CmpOpEq, " ", text, data) }
func isNot(f field, text string, data []byte) rule {
	return compare(f, expr.CmpOpNeq, " != ", text, data)
}

func compare(f field, op expr.CmpOp, between, text string, data []byte) rule {
	return rule{f.text + between + text, []expr.Any{f.load(register(0)), &expr.Cmp{Op: op, Register: register(0), Data: data}}}
}

// within holds for packets whose field, a network's first bits, lies in p.
func within(f field, op expr.CmpOp, p netip.Prefix) rule {
	mask := make([]byte, f.size)
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	between := " "
	if op == expr.CmpOpNeq {
		between = " != "
	}
	return rule{f.text + between + p.String(), []expr.Any{
		f.load(register(0)),
		&expr.Bitwise{SourceRegister: register(0), DestRegister: register(0), Len: uint32(f.size), Mask: mask, Xor: make([]byte, f.size)},
		&expr.Cmp{Op: op, Register: register(0), Data: p.Masked().Addr().AsSlice()},
	}}
}

// in holds for packets whose fields are together an element of the set.
func in(s *set, fields ...field) rule {
	r := load(fields)
	r.exprs = append(r.exprs, &expr.Lookup{SourceRegister: register(0), SetName: s.name})
	r.text += " @" + s.name
	return r
}

func load(fields []field) rule {
	var r rule
	var words []string
	next := 0
	for _, f := range fields {
		r.exprs = append(r.exprs, f.load(register(next)))
		words = append(words, f.text)
		next += (f.size + 3) / 4
	}
	r.text = strings.Join(words, " . ")
	return r
}

// handTo rewrites the destination to the address and port that the map has for the fields; without an element nothing happens.
func handTo(s *set, family uint32, fields ...field) rule {
	word, words := "ip", 1
	if family == unix.NFPROTO_IPV6 {
		word, words = "ip6", 4
	}
	r := load(fields)
	r.exprs = append(r.exprs,
		&expr.Lookup{SourceRegister: register(0), DestRegister: register(0), IsDestRegSet: true, SetName: s.name},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: family, RegAddrMin: register(0), RegProtoMin: register(words)})
	r.text = "dnat " + word + " to " + r.text + " map @" + s.name
	return r
}

// tracked holds for packets of a connection with one of the bits.
func tracked(key expr.CtKey, text string, bits uint32) rule {
	mask := binary.NativeEndian.AppendUint32(nil, bits)
	return rule{text, []expr.Any{
		&expr.Ct{Register: register(0), Key: key},
		&expr.Bitwise{SourceRegister: register(0), DestRegister: register(0), Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register(0), Data: make([]byte, 4)},
	}}
}

// all makes one rule of parts: conditions, and at the end what is done where they hold.
func all(parts ...rule) rule {
	var r rule
	var words []string
	for _, p := range parts {
		words = append(words, p.text)
		r.exprs = append(r.exprs, p.exprs...)
	}
	r.text = strings.Join(words, " ")
	return r
}
