package bench

// For the tests of what survives a killed run.
const (
	StatePattern = namePrefix + "*-state"
	NamePrefix   = namePrefix
)

// Dead is dead.
func Dead(name string) bool { return dead(name) }
