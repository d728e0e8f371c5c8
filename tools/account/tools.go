// Package account holds the tools about the Ravi account as a whole.
package account

import "ravi-mcp/tools/tool"

// handlers are the tools at work.
type handlers struct{ *tool.Deps }

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{d}
	return tool.In(tool.SetAccount,
		tool.Define(tool.Spec{
			Name: "get_account", Title: "Check the connection to Ravi", Hints: tool.ReadHints,
			Description: "Check everything in one call: which Ravi and whose account this is, how it is reached, the encryption of the vault, how messages are noticed, which identity is in force and why, and what is wrong. Use it first when other tools fail. It shows nothing secret and does not fail itself: see problems.",
		}, h.getAccount),
		tool.Define(tool.Spec{
			Name: "list_domains", Title: "List domains", Hints: tool.ReadHints,
			Description: "List the domains on which the account can have email addresses. Use it before you ask for an address on a domain of the account's own.",
		}, h.listDomains),
		tool.Define(tool.Spec{
			Name: "get_sso_token", Title: "Get a sign-in token", Hints: tool.Hints{OpenWorld: true},
			Decides:     tool.Revealing(h.Resolver, GetSSOTokenParams.shows),
			Description: "Get a token that signs the identity in at a site which trusts Ravi. It is good for five minutes; give it to that site only.",
		}, h.getSSOToken),
	)
}
