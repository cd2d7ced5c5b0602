package roll

import (
	"context"
	"os"
	"time"
)

// RunPolling is Run with another interval of looking for marks.
func RunPolling(ctx context.Context, s Store, a Actor, c Clock, caller Caller, poll time.Duration) (Roll, error) {
	return run(ctx, s, a, c, caller, poll)
}

// WithWrite returns the store with another way to write files.
func (s Store) WithWrite(write func(path string, content []byte, mode os.FileMode) error) Store {
	s.write = write
	return s
}

// Decode is how a roll is read.
func Decode(content []byte, id string) (Roll, error) { return decode(content, id) }

// Gate is how health is compared.
func Gate(before *Health, after Health) string { return gate(before, after) }
