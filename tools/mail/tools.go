// Package mail holds the tools that send email and SMS, and those for the contacts of an identity:
// a message to a saved contact needs no approval.
package mail

import (
	"slices"
	"time"

	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type handlers struct {
	*tool.Deps
	sends    []sendLimit
	refusals *session.Budget
}

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{Deps: d, sends: sendLimits(), refusals: &session.Budget{Limit: maxRefusals, Per: time.Hour}}
	const whom = "Writing to somebody who is no contact, and to whom this identity has not written before, may need a person's approval. Stored passwords, secrets and fresh codes are not let out."
	return slices.Concat(
		tool.In(tool.SetMail,
			tool.Define("send_email", "Send an email", sendHints,
				"Send a new email from the identity's address, when the task asks you to write to somebody. To answer a message use reply_email. "+whom,
				h.sendEmail, tool.Decides(session.KindSend, h.decideSendEmail), attaches[sendEmailParams](h)),
			tool.Define("reply_email", "Answer an email", sendHints,
				"Answer an email in its thread: to its sender, or with reply_all to everybody it went to. Ravi makes the subject. If the answer would go elsewhere than to the sender, a person is asked. "+whom,
				h.replyEmail, tool.Decides(session.KindSend, h.decideReplyEmail), attaches[replyEmailParams](h)),
			tool.Define("forward_email", "Forward an email", sendHints,
				"Send an email on to somebody else, with its attachments and with a note of yours before it. "+whom,
				h.forwardEmail, tool.Decides(session.KindSend, h.decideForwardEmail), attaches[forwardEmailParams](h)),
			tool.Define("send_sms", "Send an SMS", sendHints,
				"Send a text message from the identity's phone number, where Ravi offers it. "+whom,
				h.sendSMS, tool.Decides(session.KindSend, h.decideSendSMS)),
		),
		tool.In(tool.SetContacts,
			tool.Define("find_contact", "Find a contact", tool.ReadHints,
				"Find people that the identity knows, by exact address or number, or by a part of the name or address. Use it to learn an address before you write to somebody. Ravi also keeps contacts that it made by itself, of whoever wrote (source auto).",
				h.findContact),
			tool.Define("save_contact", "Save a contact", tool.UpsertHints,
				"Create a contact, or change the one that has the address, the number or the id; only the fields you give are written. Messages to a saved contact need no approval, so saving somebody new may need a person's approval.",
				h.saveContact, tool.Decides(session.KindSend, h.decideSaveContact)),
			tool.Define("delete_contact", "Delete a contact", tool.Hints{Destructive: true, Idempotent: true},
				"Delete a contact, by id, address or number. Messages stay. Use it when the contact is wrong or no longer wanted.",
				h.deleteContact),
		),
	)
}
