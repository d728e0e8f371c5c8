// Package messages holds the tools that arm an inbox, wait for codes and messages, and read what
// has arrived.
package messages

import "ravi-mcp/tools/tool"

type handlers struct{ *tool.Deps }

// Tools returns the tools of this family.
func Tools(d *tool.Deps) []tool.Tool {
	h := &handlers{d}
	return tool.In(tool.SetInbox,
		tool.Define("watch_inbox", "Arm the inbox before triggering a message", inboxHints,
			"Arm the inbox: remember what it holds and return a cursor, right before you trigger a message. create_identity and use_identity return such a cursor already.",
			h.watchInbox, tool.SignsUp),
		tool.Define("wait_for_otp", "Wait for a code or link", inboxHints,
			"Wait for a code or a confirmation link by SMS or email, after you triggered it. found: use code or link. pending: call again with the result's cursor. "+
				"ambiguous: choose a candidate, or repeat the call with sender, service or channel. What was there before the cursor is never returned.",
			h.waitForOTP, tool.Waits, tool.SignsUp),
		tool.Define("wait_for_message", "Wait for any message", inboxHints,
			"Wait for the next SMS or email of any kind and return its text; for a code or link use wait_for_otp. pending: call again with the result's cursor.",
			h.waitForMessage, tool.Waits),
		tool.Define("list_messages", "List received messages", inboxHints,
			"List received SMS and emails, newest first, with a preview. For a code that is about to arrive use wait_for_otp.",
			h.listMessages),
		tool.Define("read_message", "Read a message", inboxHints,
			"Read one received message in full, by its message_id. read says whether Ravi has marked it as read now.",
			h.readMessage, tool.SignsUp),
	)
}
