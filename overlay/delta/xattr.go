package delta

import (
	"bytes"
	"encoding/binary"
)

// plain returns the value of an extended attribute with the ids in it as a container sees them, so that values of different layers can be
// compared. What does not parse is returned as it is.
func plain(name string, value []byte, id func(uint32) uint32) []byte {
	switch name {
	case "system.posix_acl_access", "system.posix_acl_default":
		return plainACL(value, id)
	case "security.capability":
		return plainCapability(value, id)
	}
	return value
}

// The layout of an ACL (linux/posix_acl_xattr.h): a version of 4 bytes, then entries of a tag (2), permissions (2) and an id (4), all
// little-endian. Only entries of these two tags have an id.
const (
	aclHead  = 4
	aclEntry = 8
	aclUser  = 0x02
	aclGroup = 0x08
)

func plainACL(value []byte, id func(uint32) uint32) []byte {
	if len(value) < aclHead || (len(value)-aclHead)%aclEntry != 0 {
		return value
	}
	out := bytes.Clone(value)
	for at := aclHead; at < len(out); at += aclEntry {
		if tag := binary.LittleEndian.Uint16(out[at:]); tag == aclUser || tag == aclGroup {
			binary.LittleEndian.PutUint32(out[at+4:], id(binary.LittleEndian.Uint32(out[at+4:])))
		}
	}
	return out
}

// The layout of file capabilities (linux/capability.h): a magic of 4 bytes with the revision in the highest, the sets (16), and in revision 3
// the id of the root they hold for (4). Revision 2 holds for root of the initial user namespace.
const (
	capRevision  = 0xff000000
	capRevision2 = 0x02000000
	capRevision3 = 0x03000000
	capSize2     = 20
	capSize3     = 24
)

// plainCapability gives capabilities that hold for the container's root the form of revision 2.
func plainCapability(value []byte, id func(uint32) uint32) []byte {
	if len(value) != capSize3 {
		return value
	}
	magic := binary.LittleEndian.Uint32(value)
	if magic&capRevision != capRevision3 || id(binary.LittleEndian.Uint32(value[capSize2:])) != 0 {
		return value
	}
	out := bytes.Clone(value[:capSize2])
	binary.LittleEndian.PutUint32(out, magic&^capRevision|capRevision2)
	return out
}
