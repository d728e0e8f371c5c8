package mail

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

type emailArgument struct {
	MessageID string `json:"message_id" jsonschema:"maxLength=32,pattern=^email:[0-9]{1\\,19}$" jsonschema_description:"The email, such as email:7."`
}

func (p emailArgument) id() (int64, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(p.MessageID, "email:"), 10, 64)
	if err != nil {
		return 0, fault.New(fault.InvalidArgument, "`message_id` does not name an email.", "Pass a message_id that begins with email:, as results have it.")
	}
	return id, nil
}

type replyEmailParams struct {
	tool.IdentityArgument
	emailArgument
	content
	ReplyAll bool `json:"reply_all,omitempty" jsonschema_description:"Answer everybody that the email went to, and not only its sender."`
	filesArgument
}

// answered is an email that is to be answered, the identity that answers, and where the answer
// goes.
type answered struct {
	recipients
	from         session.Resolved
	scope        *ravi.Scope
	original     *ravi.EmailMessage
	replyWarning string // in words, if not to the sender that the email names
	message      message
}

// answer reads the email that is answered. Where the answer goes is Ravi's to decide; that it may
// follow Reply-To is assumed.
func (h *handlers) answer(ctx context.Context, call tool.Call, p replyEmailParams) (a answered, err error) {
	if a.from, a.scope, err = h.Scope(ctx, call, p.Identity); err != nil {
		return a, err
	}
	id, err := p.id()
	if err := cmp.Or(err, p.check()); err != nil {
		return a, err
	}
	if a.original, err = a.scope.EmailMessage(ctx, id); err != nil {
		return a, err
	}
	m := a.original
	a.to = addressesIn(m.From)
	if m.Direction == ravi.Outgoing {
		a.to = addressesIn(m.To)
	} else if elsewhere := addressesWithout(addressesIn(m.ReplyTo), a.to...); len(elsewhere) > 0 {
		a.replyWarning = fmt.Sprintf("The email says that it is from %s, but an answer to it goes to %s.", shownAll(a.to), shownAll(elsewhere))
		a.to = elsewhere
	} else if named := addressesWithout(namedIn(m.From), a.to...); len(named) > 0 {
		a.replyWarning = fmt.Sprintf("The email calls its sender %s, but it is from %s, where an answer goes.", shownAll(named), shownAll(a.to))
	}
	if p.ReplyAll {
		others := addressesIn(m.CC)
		if m.Direction != ravi.Outgoing {
			others = append(addressesIn(m.To), others...)
		}
		a.cc = addressesWithout(others, append([]string{a.from.Identity.Inbox}, a.to...)...)
	}
	if len(a.to) == 0 {
		return a, fault.New(fault.Conflict, "The email has no sender that can be answered.", "Write to the address you know with send_email.")
	}
	a.message = message{does: "Sends an answer", to: outgoing{addresses: a.all(), replyWarning: a.replyWarning}, about: m, body: p.Body, texts: []string{m.Subject}}
	a.message.files, err = h.openFiles(p.filesArgument)
	return a, err
}

// namedIn returns the addresses that stand in the name before an address, where they feign another
// sender.
func namedIn(from string) []string {
	name, _, bracket := strings.Cut(from, "<")
	if !bracket {
		return nil
	}
	var out []string
	for _, word := range strings.FieldsFunc(name, func(c rune) bool { return strings.ContainsRune(" \t\"'(),;:[]", c) }) {
		if address, err := mailAddress("from", word); err == nil {
			out = append(out, address)
		}
	}
	return out
}

func shownAll(addresses []string) string {
	return strings.Join(tool.Convert(addresses, tool.Shown), ", ")
}

func (h *handlers) decideReplyEmail(ctx context.Context, call tool.Call, p replyEmailParams) (*tool.Decision, error) {
	a, err := h.answer(ctx, call, p)
	if err != nil {
		return nil, err
	}
	return h.decideSend(ctx, call, a.from.Identity.UUID, a.message)
}

func (h *handlers) replyEmail(ctx context.Context, call tool.Call, p replyEmailParams) (none sentEmailResult, err error) {
	a, err := h.answer(ctx, call, p)
	if err != nil {
		return none, err
	}
	id, reply := a.original.ID, a.scope.Reply
	if p.ReplyAll {
		reply = a.scope.ReplyAll
	}
	sent, err := send(ctx, h, call, a.scope, a.message, func(attached []string) (*ravi.EmailMessage, error) {
		return reply(ctx, id, ravi.Draft{Content: p.html(), Attachments: attached})
	})
	if err != nil {
		return none, err
	}
	r := sentTo(a.from, sent, a.recipients, a.message.files)
	r.Warning = a.replyWarning
	if other := addressesWithout(addressesIn(sent.To), a.all()...); len(other) > 0 { // Ravi knew better
		r.To = addressesIn(sent.To)
		r.Warning = fmt.Sprintf("The answer was expected to go to %s, but Ravi sent it to %s.", shownAll(a.to), shownAll(other))
	}
	return r, nil
}

type forwardEmailParams struct {
	tool.IdentityArgument
	emailArgument
	To     string   `json:"to" jsonschema:"minLength=3,maxLength=320" jsonschema_description:"Whom to send it on to: one address."`
	CC     []string `json:"cc,omitempty" jsonschema:"maxItems=19,minLength=3,maxLength=320" jsonschema_description:"Who else gets it, visible to all; with to and bcc at most 20 addresses."`
	BCC    []string `json:"bcc,omitempty" jsonschema:"maxItems=19,minLength=3,maxLength=320" jsonschema_description:"Who gets it without the others seeing it."`
	Note   string   `json:"note,omitempty" jsonschema:"maxLength=100000" jsonschema_description:"What to write before the forwarded email."`
	Format string   `json:"format,omitempty" jsonschema:"enum=text,enum=html" jsonschema_description:"What note is: text (default) or html."`
	filesArgument
}

// forwarded is an email that is to be sent on, the identity that does so, and to whom.
type forwarded struct {
	recipients
	from    session.Resolved
	scope   *ravi.Scope
	id      int64
	message message
}

func (h *handlers) forward(ctx context.Context, call tool.Call, p forwardEmailParams) (f forwarded, err error) {
	if f.id, err = p.id(); err != nil {
		return f, err
	}
	if err := tool.CheckText("note", p.Note); err != nil {
		return f, err
	}
	if f.recipients, err = mailRecipients(p.To, p.CC, p.BCC); err != nil {
		return f, err
	}
	files, err := h.openFiles(p.filesArgument)
	if err != nil {
		return f, err
	}
	if f.from, f.scope, err = h.Scope(ctx, call, p.Identity); err != nil {
		return f, err
	}
	original, err := f.scope.EmailMessage(ctx, f.id) // it goes out too, so it is scanned too
	if err != nil {
		return f, err
	}
	texts := []string{original.Subject, original.Text, original.HTML}
	texts = append(texts, tool.Convert(original.Attachments, func(a ravi.Attachment) string { return a.Filename })...)
	f.message = message{
		does: "Forwards an email, with its attachments,", to: outgoing{addresses: f.all()},
		about: original, body: p.Note, texts: texts, files: files,
	}
	return f, nil
}

func (h *handlers) decideForwardEmail(ctx context.Context, call tool.Call, p forwardEmailParams) (*tool.Decision, error) {
	f, err := h.forward(ctx, call, p)
	if err != nil {
		return nil, err
	}
	return h.decideSend(ctx, call, f.from.Identity.UUID, f.message)
}

func (h *handlers) forwardEmail(ctx context.Context, call tool.Call, p forwardEmailParams) (none sentEmailResult, err error) {
	f, err := h.forward(ctx, call, p)
	if err != nil {
		return none, err
	}
	draft := ravi.Draft{To: f.to[0], CC: f.cc, BCC: f.bcc, Content: content{Body: p.Note, Format: p.Format}.html()}
	sent, err := send(ctx, h, call, f.scope, f.message, func(attached []string) (*ravi.EmailMessage, error) {
		draft.Attachments = attached
		return f.scope.Forward(ctx, f.id, draft)
	})
	if err != nil {
		return none, err
	}
	return sentTo(f.from, sent, f.recipients, f.message.files), nil
}
