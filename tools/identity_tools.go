package tools

import "ravi-mcp/session"

// identityTools returns the tools of this family.
func (d *Deps) identityTools() []Tool {
	return in(SetIdentity,
		define(about{
			name: "create_identity", title: "Create an identity", hints: Hints{},
			description: "Create an identity: an email address, a phone number where the plan has one, and empty vaults of its own. " +
				"Use it when you need an address that nobody else uses and none was given to you; identities persist and may cost money, so reuse one by name where you can, or make it ephemeral when only this task needs it. " +
				"The result has the address, the phone number and a cursor that is armed before anything can arrive: trigger the message, then pass the cursor to wait_for_otp. " +
				"A session that has no identity yet uses the new one from then on; a client without a session, or one that opens a session for every call, passes the uuid as `identity` from then on.",
		}, d.createIdentity),
		define(about{
			name: "list_identities", title: "List identities", hints: readHints,
			description: "List the identities you may use, with address and phone number. Use it to find one again before creating another.",
		}, d.listIdentities),
		define(about{
			name: "get_identity", title: "Show an identity", hints: readHints,
			description: "Show one identity: name, email address, phone number, and why it is the one in force. Use it to learn which identity your calls mean, or before typing an address into a form.",
		}, d.getIdentity),
		define(about{
			name: "use_identity", title: "Use an identity in this session", hints: readHints,
			description: "Use an existing identity for the rest of this session, and arm its inbox. It changes nothing at Ravi and nothing for other sessions. " +
				"A client without a session, or one that opens a session for every call, passes the uuid as `identity` from then on instead.",
		}, d.useIdentity),
		define(about{
			name: "update_identity", title: "Rename an identity", hints: upsertHints,
			description: "Give an identity another name; its address, phone number and vaults stay. Use it to correct a name, so that the identity is found again by it.",
		}, d.updateIdentity),
		define(about{
			name: "provision_phone", title: "Get a phone number", hints: Hints{},
			description: "Get a phone number for an identity that has none. It takes seconds and may cost; use it when a service insists on SMS. An identity has one number at most.",
		}, d.provisionPhone),
		define(about{
			name: "delete_identity", title: "Delete an identity for ever", hints: Hints{Destructive: true, Idempotent: true}, decides: deciding(session.KindDelete, d.decideDelete),
			description: "Delete an identity with its address, phone number, messages, passwords and secrets. It cannot be undone. Use it when the task it was created for is done. " +
				"One that you did not create here is deleted only if the operator's policy, or a person who is asked, allows it.",
		}, d.deleteIdentity),
		define(about{
			name: "cleanup_identities", title: "Delete left-over identities", hints: Hints{Destructive: true},
			decides: deciding(session.KindCleanup, d.decideCleanup),
			description: "Delete identities that tests and experiments left behind, in two calls. The first, without token, deletes nothing: it lists the identities whose name begins with dev- or test- (or your prefixes) and that are old enough, and returns a token. " +
				"The second, with the token, deletes exactly those, if the operator's policy, or a person who is asked, allows it. If some could not be deleted, the result has a token for the rest.",
		}, d.cleanupIdentities),
	)
}
