package tools

import (
	"slices"

	"ravi-mcp/session"
)

// mailTools returns the tools of this family.
func (d *Deps) mailTools() []Tool {
	const whom = "Writing to somebody who is no contact, and to whom this identity has not written before, may need a person's approval. Stored passwords, secrets and fresh codes are not let out."
	return slices.Concat(
		in(SetMail,
			emailTool(d, about{
				name: "send_email", title: "Send an email", hints: sendHints,
				decides:     deciding(session.KindSend, d.decideSendEmail),
				description: "Send a new email from the identity's address, when the task asks you to write to somebody. To answer a message use reply_email. " + whom,
			}, d.sendEmail, func(p SendEmailParams) SendEmailFilesParams { return SendEmailFilesParams{SendEmailParams: p} }),
			emailTool(d, about{
				name: "reply_email", title: "Answer an email", hints: sendHints,
				decides:     deciding(session.KindSend, d.decideReplyEmail),
				description: "Answer an email in its thread: to its sender, or with reply_all to everybody it went to. Ravi makes the subject. If the answer would go elsewhere than to the sender, a person is asked. " + whom,
			}, d.replyEmail, func(p ReplyEmailParams) ReplyEmailFilesParams { return ReplyEmailFilesParams{ReplyEmailParams: p} }),
			emailTool(d, about{
				name: "forward_email", title: "Forward an email", hints: sendHints,
				decides:     deciding(session.KindSend, d.decideForwardEmail),
				description: "Send an email on to somebody else, with its attachments and with a note of yours before it. " + whom,
			}, d.forwardEmail, func(p ForwardEmailParams) ForwardEmailFilesParams {
				return ForwardEmailFilesParams{ForwardEmailParams: p}
			}),
			define(about{
				name: "send_sms", title: "Send an SMS", hints: sendHints,
				decides:     deciding(session.KindSend, d.decideSendSMS),
				description: "Send a text message from the identity's phone number, where Ravi offers it. " + whom,
			}, d.sendSMS),
		),
		in(SetContacts,
			define(about{
				name: "find_contact", title: "Find a contact", hints: readHints,
				description: "Find people that the identity knows, by exact address or number, or by a part of the name or address. Use it to learn an address before you write to somebody. Ravi also keeps contacts that it made by itself, of whoever wrote (source auto).",
			}, d.findContact),
			define(about{
				name: "save_contact", title: "Save a contact", hints: upsertHints,
				decides:     deciding(session.KindSend, d.decideSaveContact),
				description: "Create a contact, or change the one that has the address, the number or the id; only the fields you give are written. Messages to a saved contact need no approval, so saving somebody new may need a person's approval.",
			}, d.saveContact),
			define(about{
				name: "delete_contact", title: "Delete a contact", hints: Hints{Destructive: true, Idempotent: true},
				description: "Delete a contact, by id, address or number. Messages stay. Use it when the contact is wrong or no longer wanted.",
			}, d.deleteContact),
		),
	)
}
