// Package cmd is the command line: one file per verb, and the wiring of everything below. A verb is a constructor, an options struct whose
// fields are its flags, and a run function; it targets, plans, shows or carries out, and prints through cmd/output. It decides nothing about
// containers itself.
package cmd
