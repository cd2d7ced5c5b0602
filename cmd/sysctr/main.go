// Command sysctr manages long-lived system containers that share the host's own root filesystem.
package main

import (
	"os"

	"github.com/sysctr/sysctr/cmd"
)

func main() { os.Exit(cmd.Main(os.Args[1:])) }
