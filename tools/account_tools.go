package tools

// accountTools returns the tools of this family.
func (d *Deps) accountTools() []Tool {
	return in(SetAccount,
		define(about{
			name: "get_account", title: "Check the connection to Ravi", hints: readHints,
			description: "Check everything in one call: which Ravi and whose account this is, how it is reached, the encryption of the vault, how messages are noticed, which identity is in force and why, and what is wrong. Use it first when other tools fail. It shows nothing secret and does not fail itself: see problems.",
		}, d.getAccount),
		define(about{
			name: "list_domains", title: "List domains", hints: readHints,
			description: "List the domains on which the account can have email addresses. Use it before you ask for an address on a domain of the account's own.",
		}, d.listDomains),
		define(about{
			name: "get_sso_token", title: "Get a sign-in token", hints: Hints{OpenWorld: true},
			decides:     d.revealSSO(),
			description: "Get a token that signs the identity in at a site which trusts Ravi. It is good for five minutes; give it to that site only.",
		}, d.getSSOToken),
	)
}
