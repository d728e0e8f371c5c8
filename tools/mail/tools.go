// Package mail holds the tools that write messages, and those for the contacts
// of an identity, who decide which messages need an approval.
package mail

import (
	"slices"

	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// handlers are the tools at work.
type handlers struct {
	*tool.Deps
	sends []sendLimit
}

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{Deps: d, sends: sendLimits()}
	const whom = "Writing to somebody who is no contact, and to whom this identity has not written before, may need a person's approval. Stored passwords, secrets and fresh codes are not let out."
	return slices.Concat(
		tool.In(tool.SetMail,
			emailTool(h, tool.Spec{
				Name: "send_email", Title: "Send an email", Hints: sendHints,
				Decides:     tool.Deciding(session.KindSend, h.decideSendEmail),
				Description: "Send a new email from the identity's address, when the task asks you to write to somebody. To answer a message use reply_email. " + whom,
			}, h.sendEmail, func(p SendEmailParams) SendEmailFilesParams { return SendEmailFilesParams{SendEmailParams: p} }),
			emailTool(h, tool.Spec{
				Name: "reply_email", Title: "Answer an email", Hints: sendHints,
				Decides:     tool.Deciding(session.KindSend, h.decideReplyEmail),
				Description: "Answer an email in its thread: to its sender, or with reply_all to everybody it went to. Ravi makes the subject. If the answer would go elsewhere than to the sender, a person is asked. " + whom,
			}, h.replyEmail, func(p ReplyEmailParams) ReplyEmailFilesParams { return ReplyEmailFilesParams{ReplyEmailParams: p} }),
			emailTool(h, tool.Spec{
				Name: "forward_email", Title: "Forward an email", Hints: sendHints,
				Decides:     tool.Deciding(session.KindSend, h.decideForwardEmail),
				Description: "Send an email on to somebody else, with its attachments and with a note of yours before it. " + whom,
			}, h.forwardEmail, func(p ForwardEmailParams) ForwardEmailFilesParams {
				return ForwardEmailFilesParams{ForwardEmailParams: p}
			}),
			tool.Define(tool.Spec{
				Name: "send_sms", Title: "Send an SMS", Hints: sendHints,
				Decides:     tool.Deciding(session.KindSend, h.decideSendSMS),
				Description: "Send a text message from the identity's phone number, where Ravi offers it. " + whom,
			}, h.sendSMS),
		),
		tool.In(tool.SetContacts,
			tool.Define(tool.Spec{
				Name: "find_contact", Title: "Find a contact", Hints: tool.ReadHints,
				Description: "Find people that the identity knows, by exact address or number, or by a part of the name or address. Use it to learn an address before you write to somebody. Ravi also keeps contacts that it made by itself, of whoever wrote (source auto).",
			}, h.findContact),
			tool.Define(tool.Spec{
				Name: "save_contact", Title: "Save a contact", Hints: tool.UpsertHints,
				Decides:     tool.Deciding(session.KindSend, h.decideSaveContact),
				Description: "Create a contact, or change the one that has the address, the number or the id; only the fields you give are written. Messages to a saved contact need no approval, so saving somebody new may need a person's approval.",
			}, h.saveContact),
			tool.Define(tool.Spec{
				Name: "delete_contact", Title: "Delete a contact", Hints: tool.Hints{Destructive: true, Idempotent: true},
				Description: "Delete a contact, by id, address or number. Messages stay. Use it when the contact is wrong or no longer wanted.",
			}, h.deleteContact),
		),
	)
}
