package alive

// ParseStat gives the tests the reader of /proc/PID/stat: state, threads, start time.
func ParseStat(content []byte) (byte, int64, uint64, error) {
	s, err := parseStat(content)
	return s.state, s.threads, s.start, err
}

// LegacyDisks gives the tests the reader of version 1's disk figures.
var LegacyDisks = legacyDisks
