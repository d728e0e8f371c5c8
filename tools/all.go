// Package tools is the list of everything that clients are offered: tools, prompts, resources and
// completions. Package tool says what a tool is; the packages below hold the tools themselves,
// family by family. What is the same for every call (rights, deadlines, the form of errors,
// logging) is middleware in package server.
package tools

import (
	"fmt"
	"slices"

	"ravi-mcp/tools/account"
	"ravi-mcp/tools/identity"
	"ravi-mcp/tools/mail"
	"ravi-mcp/tools/messages"
	"ravi-mcp/tools/tool"
	"ravi-mcp/tools/vault"
)

// All returns every tool that d allows, family by family. It fails if a name stands twice.
func All(d *tool.Deps) ([]tool.Tool, error) {
	all := slices.Concat(identity.Tools(d), messages.Tools(d), vault.Tools(d), mail.Tools(d), account.Tools(d))
	known := make(map[string]bool)
	for _, t := range all {
		if known[t.Name] {
			return nil, fmt.Errorf("tool %s is defined twice", t.Name)
		}
		known[t.Name] = true
	}
	return all, nil
}
