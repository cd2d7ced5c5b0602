package mask

import (
	"encoding/binary"
	"errors"
)

const (
	xattrACL    = "system.posix_acl_access"
	xattrOpaque = "trusted.overlay.opaque"
)

// The layout of an ACL in an extended attribute (linux/posix_acl_xattr.h): a version of 4 bytes, then entries of a tag (2), permissions (2)
// and an id (4), little-endian. Only entries of these two tags have an id.
const (
	aclHead  = 4
	aclEntry = 8
	aclUser  = 0x02
	aclGroup = 0x08
)

// shiftACL returns a copy of acl with the ids of its named users and groups shifted.
func shiftACL(acl []byte, s Shift) ([]byte, error) {
	if len(acl) < aclHead || (len(acl)-aclHead)%aclEntry != 0 {
		return nil, errors.New("the ACL is cut off")
	}
	out := append([]byte(nil), acl...)
	for at := aclHead; at < len(out); at += aclEntry {
		if tag := binary.LittleEndian.Uint16(out[at:]); tag == aclUser || tag == aclGroup {
			binary.LittleEndian.PutUint32(out[at+4:], s.id(binary.LittleEndian.Uint32(out[at+4:])))
		}
	}
	return out, nil
}
