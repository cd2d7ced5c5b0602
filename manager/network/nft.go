package network

import (
	"errors"
	"io/fs"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	mdlayher "github.com/mdlayher/netlink"
)

const (
	elementsPerMessage = 200     // a message's length has 16 bits
	transactionBuffer  = 4 << 20 // a transaction is sent in one piece, 200 bytes or less per element
)

// replace puts the rule set in the place of whatever our tables hold, in one transaction: no packet sees less than the old or the new one. The
// empty rule set removes the tables.
func (r Ruleset) replace() error {
	conn, err := nftables.New(nftables.WithSockOptions(func(c *mdlayher.Conn) error {
		return errors.Join(c.SetWriteBuffer(transactionBuffer), c.SetReadBuffer(transactionBuffer))
	}))
	if err != nil {
		return err
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyBridge, nftables.TableFamilyINet} {
		old := &nftables.Table{Name: TableName, Family: family}
		conn.AddTable(old) // deleting one that is not there would fail
		conn.DelTable(old)
	}
	for _, t := range r.tables {
		if err := t.add(conn); err != nil {
			return err
		}
	}
	return conn.Flush()
}

func (t table) add(conn *nftables.Conn) error {
	its := conn.AddTable(&nftables.Table{Name: TableName, Family: t.family})
	for _, s := range t.sets {
		made := &nftables.Set{Table: its, Name: s.name, KeyType: nftables.MustConcatSetType(s.key...)}
		if len(s.key) == 1 && s.key[0] == nftables.TypeIFName {
			made.KeyByteOrder = binaryutil.NativeEndian // else nft shows no name
		}
		if len(s.data) > 0 {
			made.IsMap, made.DataType = true, nftables.MustConcatSetType(s.data...)
		}
		if err := conn.AddSet(made, nil); err != nil {
			return err
		}
		for rest := s.elements; len(rest) > 0; rest = rest[min(len(rest), elementsPerMessage):] {
			var some []nftables.SetElement
			for _, e := range rest[:min(len(rest), elementsPerMessage)] {
				some = append(some, nftables.SetElement{Key: e.key, Val: e.val})
			}
			if err := conn.SetAddElements(made, some); err != nil {
				return err
			}
		}
	}
	for _, c := range t.chains {
		accept := nftables.ChainPolicyAccept
		made := conn.AddChain(&nftables.Chain{
			Name: c.name, Table: its, Type: nftables.ChainType(c.kind), Hooknum: nftables.ChainHookRef(c.hook),
			Priority: nftables.ChainPriorityRef(nftables.ChainPriority(c.priority)), Policy: &accept,
		})
		for _, rule := range c.rules {
			conn.AddRule(&nftables.Rule{Table: its, Chain: made, Exprs: rule.exprs})
		}
	}
	return nil
}

// loaded reports whether nftables holds the rule set, as far as the number of rules and all elements tell.
func (r Ruleset) loaded() (bool, error) {
	conn, err := nftables.New()
	if err != nil {
		return false, err
	}
	for _, t := range r.tables {
		same, err := t.loaded(conn)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

func (t table) loaded(conn *nftables.Conn) (bool, error) {
	its := &nftables.Table{Name: TableName, Family: t.family}
	for _, c := range t.chains {
		rules, err := conn.GetRules(its, &nftables.Chain{Name: c.name, Table: its})
		if err != nil || len(rules) != len(c.rules) {
			return false, err
		}
	}
	for _, s := range t.sets {
		elements, err := conn.GetSetElements(&nftables.Set{Table: its, Name: s.name})
		if err != nil || len(elements) != len(s.elements) {
			return false, err
		}
		have := map[string]bool{}
		for _, e := range elements {
			have[string(padded(e.Key))+":"+string(padded(e.Val))] = true
		}
		for _, e := range s.elements {
			if !have[string(e.key)+":"+string(e.val)] {
				return false, nil
			}
		}
	}
	return true, nil
}
