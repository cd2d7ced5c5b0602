// Package edges holds the rules that the source tree itself must keep, and checks them by reading the sources: which folder may import which, who
// may use cgo, YAML, D-Bus and the mount system calls, how long files and functions may be, and what the top level holds. Its test runs it on this
// tree.
//
// An edge is one import, from a folder of the module to a folder of the module or to a module of others. The table in rules.go is the list of all allowed
// ones: a folder that is not in it may not exist, so that a new one is a decision and never an accident.
//
// The package builds nothing and runs no other program; code that does not parse is a violation like any other.
package edges
