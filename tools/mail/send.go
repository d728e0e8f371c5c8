package mail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// sendHints: what was sent cannot be taken back, and goes beyond Ravi.
var sendHints = tool.Hints{Destructive: true, OpenWorld: true}

// content is what the tools that write an email share.
type content struct {
	Body   string `json:"body" jsonschema:"minLength=1,maxLength=100000" jsonschema_description:"What to write."`
	Format string `json:"format,omitempty" jsonschema:"enum=text,enum=html" jsonschema_description:"What body is: text (default) or html."`
}

func (c content) check() error { return tool.CheckText("body", c.Body) }

func (c content) html() string {
	if c.Format == "html" {
		return c.Body
	}
	lines := strings.Split(strings.ReplaceAll(c.Body, "\r\n", "\n"), "\n")
	for i := range lines {
		lines[i] = html.EscapeString(lines[i])
	}
	return "<div>" + strings.Join(lines, "<br>\n") + "</div>"
}

type sendEmailParams struct {
	tool.IdentityArgument
	To      string   `json:"to" jsonschema:"minLength=3,maxLength=320" jsonschema_description:"Whom to write to: one address."`
	CC      []string `json:"cc,omitempty" jsonschema:"maxItems=19,minLength=3,maxLength=320" jsonschema_description:"Who else gets it, visible to all; with to and bcc at most 20 addresses."`
	BCC     []string `json:"bcc,omitempty" jsonschema:"maxItems=19,minLength=3,maxLength=320" jsonschema_description:"Who gets it without the others seeing it."`
	Subject string   `json:"subject" jsonschema:"minLength=1,maxLength=300" jsonschema_description:"The subject, one line."`
	content
	filesArgument
}

// message is the email as it would go out.
func (h *handlers) message(p sendEmailParams) (message, recipients, error) {
	if err := cmp.Or(tool.CheckLine("subject", p.Subject), p.check()); err != nil {
		return message{}, recipients{}, err
	}
	to, err := mailRecipients(p.To, p.CC, p.BCC)
	if err != nil {
		return message{}, recipients{}, err
	}
	files, err := h.openFiles(p.filesArgument)
	m := message{does: "Sends an email", to: outgoing{addresses: to.all()}, subject: p.Subject, body: p.Body, files: files}
	return m, to, err
}

type sentEmailResult struct {
	tool.ActedFor
	MessageID string   `json:"message_id,omitempty"`
	To        []string `json:"to"`
	CC        []string `json:"cc,omitempty"`
	BCC       []string `json:"bcc,omitempty"`
	Files     []string `json:"attached,omitempty" jsonschema_description:"The names of the files that were attached."`
	Warning   string   `json:"warning,omitempty" jsonschema_description:"What the person you work for should know: the answer went elsewhere than to the sender of the message."`
}

func sentTo(resolved session.Resolved, m *ravi.EmailMessage, to recipients, files []file) sentEmailResult {
	r := sentEmailResult{ActedFor: tool.Acted(resolved), To: to.to, CC: to.cc, BCC: to.bcc}
	r.Files = tool.Convert(files, func(f file) string { return f.name })
	if m.ID != 0 {
		r.MessageID = fmt.Sprintf("email:%d", m.ID)
	}
	return r
}

func (h *handlers) decideSendEmail(ctx context.Context, call tool.Call, p sendEmailParams) (*tool.Decision, error) {
	m, _, err := h.message(p)
	if err != nil {
		return nil, err
	}
	return h.decideSend(ctx, call, p.Identity, m)
}

func (h *handlers) sendEmail(ctx context.Context, call tool.Call, p sendEmailParams) (none sentEmailResult, err error) {
	m, to, err := h.message(p)
	if err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	sent, err := send(ctx, h, call, scope, m, func(attached []string) (*ravi.EmailMessage, error) {
		return scope.Compose(ctx, ravi.Draft{To: to.to[0], CC: to.cc, BCC: to.bcc, Subject: p.Subject, Content: p.html(), Attachments: attached})
	})
	if err != nil {
		return none, err
	}
	return sentTo(resolved, sent, to, m.files), nil
}

type sendSMSParams struct {
	tool.IdentityArgument
	To   string `json:"to" jsonschema:"minLength=4,maxLength=20" jsonschema_description:"Whom to write to: a number in E.164 form, as in +14155550123."`
	Body string `json:"body" jsonschema:"minLength=1,maxLength=1600" jsonschema_description:"What to write."`
}

type sendSMSResult struct {
	tool.ActedFor
	MessageID string `json:"message_id,omitempty"`
	To        string `json:"to"`
}

// check is about the arguments and about what needs no question to a person because it cannot work.
func (p sendSMSParams) check(ctx context.Context, h *handlers, call tool.Call, identity ravi.Identity) (string, error) {
	to, err := phoneNumber("to", p.To)
	if err := cmp.Or(err, tool.CheckText("body", p.Body)); err != nil {
		return "", err
	}
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return "", err
	}
	if client.Scheme() == config.SchemeToken { // docs/ravi-api.md#sms
		return "", fault.New(fault.Unsupported, "This Ravi does not send SMS.", "Do not retry; write an email, or ask the person you work for.")
	}
	if identity.Phone == "" {
		if _, err := client.Scope(identity.UUID).Phone(ctx); errors.Is(err, ravi.ErrNotFound) {
			return "", fault.New(fault.NotFound, "The identity has no phone number to send from.", "Get one with provision_phone, then call again.").WithCause(err)
		}
	}
	return to, nil
}

func (h *handlers) decideSendSMS(ctx context.Context, call tool.Call, p sendSMSParams) (*tool.Decision, error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
	if err != nil {
		return nil, err
	}
	to, err := p.check(ctx, h, call, resolved.Identity)
	if err != nil {
		return nil, err
	}
	return h.decideSend(ctx, call, p.Identity, p.message(to))
}

func (p sendSMSParams) message(to string) message {
	return message{does: "Sends an SMS", to: outgoing{number: to}, body: p.Body}
}

func (h *handlers) sendSMS(ctx context.Context, call tool.Call, p sendSMSParams) (sendSMSResult, error) {
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return sendSMSResult{}, err
	}
	to, err := p.check(ctx, h, call, resolved.Identity)
	if err != nil {
		return sendSMSResult{}, err
	}
	sent, err := send(ctx, h, call, scope, p.message(to), func([]string) (*ravi.SMSMessage, error) { return scope.SendSMS(ctx, to, p.Body) })
	if err != nil {
		return sendSMSResult{}, err
	}
	r := sendSMSResult{ActedFor: tool.Acted(resolved), To: to}
	if sent.ID != 0 {
		r.MessageID = fmt.Sprintf("sms:%d", sent.ID)
	}
	return r, nil
}

// send does what every message goes through before it leaves: the comparison with what a person
// has approved, the budgets, and the scan. deliver gets what Ravi names the files by.
func send[T any](ctx context.Context, h *handlers, call tool.Call, scope *ravi.Scope, m message, deliver func(attached []string) (T, error)) (none T, err error) {
	if err := call.DecidedFor(m.hash()); err != nil {
		return none, err
	}
	giveBack, err := h.spendSend(call)
	if err != nil {
		return none, err
	}
	if err := h.checkContent(ctx, call, scope, m); err != nil {
		if !holdsValue(err) {
			giveBack()
		}
		return none, err
	}
	attached, err := upload(ctx, scope, m.files)
	if err != nil {
		giveBack()
		return none, err
	}
	sent, err := deliver(attached)
	if err == nil {
		return sent, nil
	}
	if tool.PerhapsSent(err) {
		return none, fault.New(fault.Conflict, "Ravi did not confirm the message: it may have been sent.",
			"Do not send it again, unless the recipient says that nothing arrived.").WithReason("perhaps_sent").WithCause(err)
	}
	giveBack()
	return none, err
}
