// Command run is the program of `make bench`: package bench, and nothing else.
package main

import (
	"os"

	"github.com/sysctr/sysctr/cmd/e2e/bench"
)

func main() { os.Exit(bench.Main(os.Args[1:])) }
