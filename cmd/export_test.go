package cmd

// Ranges is what completion offers beside names.
func Ranges(words []string) []string { return ranges(words) }
