// Ravi-mcp is an MCP server that gives agents identities of their own through Ravi. Run it without
// arguments for help, and see README.md.
package main

import (
	"os"
	"runtime/debug"
	"time"

	"ravi-mcp/internal/cli"
)

func main() {
	// For the first second the heap may grow to 16 MB before it is collected, unless the operator
	// has set GOGC: nearly all that a start makes stays
	// (docs/decisions.md#garbage-collector-at-start).
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		time.AfterFunc(time.Second, func() { debug.SetGCPercent(100) })
	}
	os.Exit(cli.Main(os.Args[1:]))
}
