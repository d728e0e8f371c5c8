// Package account holds the tools about the Ravi account as a whole.
package account

import "ravi-mcp/tools/tool"

type handlers struct{ *tool.Deps }

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{d}
	return tool.In(tool.SetAccount,
		tool.Define("get_account", "Check the connection to Ravi", tool.ReadHints,
			"Check everything in one call: which Ravi and whose account this is, how it is reached, the encryption of the vault, how messages are noticed, which identity is in force and why, and what is wrong. Use it first when other tools fail. It shows nothing secret and does not fail itself: see problems.",
			h.getAccount),
		tool.Define("list_domains", "List domains", tool.ReadHints,
			"List the domains on which the account can have email addresses. Use it before you ask for an address on a domain of the account's own.",
			h.listDomains),
		tool.Define("get_sso_token", "Get a sign-in token", tool.Hints{OpenWorld: true},
			"Get a token that signs the identity in at a site which trusts Ravi. It is good for five minutes; give it to that site only.",
			h.getSSOToken, tool.Reveals(h.Resolver, showsSSOToken)),
	)
}
