// Ravi-mcp is an MCP server that gives agents identities of their own through
// Ravi. Run it without arguments for help, and see README.md.
package main

import (
	"os"

	"ravi-mcp/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
