// Package identity holds the tools that create, find, choose, change and delete identities.
package identity

import (
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type handlers struct {
	*tool.Deps
	creates *session.Budget
}

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{Deps: d, creates: d.Creates}
	if h.creates == nil {
		h.creates = &session.Budget{Limit: DefaultCreates, Burst: DefaultCreates}
	}
	return tool.In(tool.SetIdentity,
		tool.Define("create_identity", "Create an identity", tool.Hints{},
			"Create an identity: an email address, a phone number where the plan has one, and empty vaults of its own. "+
				"Use it when you need an address that nobody else uses and none was given to you; identities persist and may cost money, so reuse one by name where you can, or make it ephemeral when only this task needs it. "+
				"The result has the address, the phone number and a cursor that is armed before anything can arrive: trigger the message, then pass the cursor to wait_for_otp. "+
				"A session that has no identity yet uses the new one from then on; a client without a session, or one that opens a session for every call, passes the uuid as `identity` from then on.",
			h.createIdentity),
		tool.Define("list_identities", "List identities", tool.ReadHints,
			"List the identities you may use, with address and phone number. Use it to find one again before creating another.",
			h.listIdentities),
		tool.Define("get_identity", "Show an identity", tool.ReadHints,
			"Show one identity: name, email address, phone number, and why it is the one in force. Use it to learn which identity your calls mean, or before typing an address into a form.",
			h.getIdentity),
		tool.Define("use_identity", "Use an identity in this session", tool.ReadHints,
			"Use an existing identity for the rest of this session, and arm its inbox. It changes nothing at Ravi and nothing for other sessions. "+
				"A client without a session, or one that opens a session for every call, passes the uuid as `identity` from then on instead.",
			h.useIdentity),
		tool.Define("update_identity", "Rename an identity", tool.UpsertHints,
			"Give an identity another name; its address, phone number and vaults stay. Use it to correct a name, so that the identity is found again by it.",
			h.updateIdentity),
		tool.Define("provision_phone", "Get a phone number", tool.Hints{},
			"Get a phone number for an identity that has none. It takes seconds and may cost; use it when a service insists on SMS. An identity has one number at most.",
			h.provisionPhone),
		tool.Define("delete_identity", "Delete an identity for ever", tool.Hints{Destructive: true, Idempotent: true},
			"Delete an identity with its address, phone number, messages, passwords and secrets. It cannot be undone. Use it when the task it was created for is done. "+
				"One that you did not create here is deleted only if the operator's policy, or a person who is asked, allows it.",
			h.deleteIdentity, tool.Decides(session.KindDelete, h.decideDelete)),
		tool.Define("cleanup_identities", "Delete left-over identities", tool.Hints{Destructive: true},
			"Delete identities that tests and experiments left behind, in two calls. The first, without token, deletes nothing: it lists the identities whose name begins with dev- or test- (or your prefixes) and that are old enough, and returns a token. "+
				"The second, with the token, deletes exactly those, if the operator's policy, or a person who is asked, allows it. If some could not be deleted, the result has a token for the rest.",
			h.cleanupIdentities, tool.Decides(session.KindCleanup, h.decideCleanup)),
	)
}
