package tools

import (
	"fmt"
	"slices"
)

// All returns every tool that d allows, family by family. It fails if a name
// stands twice.
func All(d *Deps) ([]Tool, error) {
	all := slices.Concat(d.identityTools(), d.messagesTools(), d.vaultTools(), d.mailTools(), d.accountTools())
	known := make(map[string]bool)
	for _, t := range all {
		if known[t.Name] {
			return nil, fmt.Errorf("tool %s is defined twice", t.Name)
		}
		known[t.Name] = true
	}
	return all, nil
}
