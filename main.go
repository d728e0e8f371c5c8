// Ravi-mcp is an MCP server that gives agents identities of their own through Ravi. Run it without
// arguments for help, and see README.md.
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"ravi-mcp/internal/cli"
)

func main() {
	// For the first second the heap may grow to 16 MB before it is collected, unless the operator
	// has set GOGC: nearly all that a start makes stays. Afterwards 8 MB that are never touched,
	// and thus take no memory, keep a small heap from being collected all the time
	// (docs/decisions.md#garbage-collector-at-start).
	var ballast []byte
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
		ballast = make([]byte, 8<<20)
		time.AfterFunc(time.Second, func() { debug.SetGCPercent(100) })
	}
	code := cli.Main(os.Args[1:])
	runtime.KeepAlive(ballast)
	os.Exit(code)
}
