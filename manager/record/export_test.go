package record

// Decode and Encode give the tests the text of a record file.
func Decode(content []byte, dir string) (Record, error) { return decode(content, dir) }

// Encode is the other direction.
func (r Record) Encode() ([]byte, error) { return r.encode() }
