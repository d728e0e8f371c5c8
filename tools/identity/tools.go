// Package identity holds the tools that create, find, choose, change and delete identities.
package identity

import (
	"slices"

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
	return slices.Concat(tool.In(tool.SetIdentity,
		tool.Define("create_identity", "Create an identity", tool.Hints{},
			"Create an identity: an email address, a phone number if the plan has one, and empty vaults. Use it when none was given to you; identities persist and may cost, so reuse one by name, or make it ephemeral for this task alone. "+
				"The result's cursor is armed: trigger the message, then call wait_for_otp with it. If bound is false, pass the uuid as `identity` in every later call.",
			h.createIdentity, tool.SignsUp),
		tool.Define("list_identities", "List identities", tool.ReadHints,
			"List the identities you may use, to find one again before creating another.",
			h.listIdentities),
		tool.Define("get_identity", "Show an identity", tool.ReadHints,
			"Show which identity your calls mean, and why: its name, address and phone number.",
			h.getIdentity),
		tool.Define("use_identity", "Use an identity in this session", tool.ReadHints,
			"Use an existing identity for the rest of this session, and arm its inbox. If bound is false, pass the uuid as `identity` in every later call.",
			h.useIdentity, tool.SignsUp),
		tool.Define("delete_identity", "Delete an identity for ever", tool.Hints{Destructive: true, Idempotent: true},
			"Delete an identity for ever, with its address, number, messages and vaults, when its task is done. One that you did not create takes the consent of the operator or a person.",
			h.deleteIdentity, tool.Decides(session.KindDelete, h.decideDelete)),
	), tool.In(tool.SetExtra,
		tool.Define("update_identity", "Rename an identity", tool.UpsertHints,
			"Give an identity another name, so that it is found again by it. Its address, phone number and vaults stay. One that you did not create takes the consent of the operator or a person.",
			h.updateIdentity, tool.Decides(session.KindDelete, h.decideUpdate)),
		tool.Define("provision_phone", "Get a phone number", tool.Hints{},
			"Get a phone number for an identity that has none, when a service insists on SMS. Where the plan gives one to every identity, it has one and nothing is bought; otherwise the number is extra and may cost. It takes seconds; an identity has one number at most.",
			h.provisionPhone),
		tool.Define("cleanup_identities", "Delete left-over identities", tool.Hints{Destructive: true},
			"Delete identities that tests and experiments left behind, in two calls. The first, without token, deletes nothing: it lists the identities whose name begins with dev- or test- (or your prefixes) and that are old enough, and returns a token. "+
				"The second, with the token, deletes exactly those, if the operator's policy, or a person who is asked, allows it. If some could not be deleted, the result has a token for the rest.",
			h.cleanupIdentities, tool.Decides(session.KindCleanup, h.decideCleanup)),
	))
}
