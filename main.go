// Ravi-mcp is an MCP server that gives agents identities of their own through
// Ravi. Run it without arguments for help, and see README.md.
package main

import (
	"os"

	"ravi-mcp/calm"
	"ravi-mcp/cli"
)

func main() {
	calm.Begin()
	os.Exit(cli.Main(os.Args[1:]))
}
