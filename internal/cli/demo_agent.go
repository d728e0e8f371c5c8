package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// agent is one of the demo: an MCP client with a server process of its own.
type agent struct {
	name, domain, code, link string
	color                    color

	printer *printer
	ravi    *embedded
	state   string // folder for the state of the servers
	client  *client.Client

	uuid, address string
}

// start runs "ravi-mcp stdio" and connects to it. The process gets the embedded Ravi's address and
// token, a HOME that does not exist, and nothing else of this environment.
func (a *agent) start(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := append(a.env(), "HOME="+a.state, "PATH="+os.Getenv("PATH"))
	command := func(ctx context.Context, name string, _ []string, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // name is this program
		cmd.Env = env
		return cmd, nil
	}
	a.client, err = client.NewStdioMCPClientWithOptions(self, nil, a.flags(), transport.WithCommandFunc(command))
	if err != nil {
		return fmt.Errorf("start the server of %s: %w", a.name, err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: a.name, Version: version()}
	if _, err := a.client.Initialize(ctx, hello); err != nil {
		return fmt.Errorf("connect %s: %w", a.name, err)
	}
	return nil
}

// flags are those of the server, env what it finds in its environment besides HOME and PATH.
func (a *agent) flags() []string {
	return []string{"stdio", "--allow-identities", session.Own, "--caller", a.name, "--state-dir", a.state, "--log-level", "off"}
}

func (a *agent) env() []string {
	return []string{"RAVI_BASE_URL=" + a.ravi.url, accountEnv(a.ravi.account)}
}

func (a *agent) stop() {
	if a.client != nil {
		_ = a.client.Close()
	}
}

// signUp goes through the four steps of a sign-up.
func (a *agent) signUp(ctx context.Context) error {
	var identity struct {
		Identity struct{ UUID string }
		Address  string
		Phone    string
		Cursor   string
	}
	if err := a.call(ctx, &identity, "create_identity", args{"name": a.name}); err != nil {
		return err
	}
	a.uuid, a.address = identity.Identity.UUID, identity.Address

	a.note("signs up at %s with %s and %s; the site sends a code by SMS and a link by mail", a.domain, identity.Address, identity.Phone)
	sent := make(chan error, 1)
	go func() { sent <- a.deliver(ctx, identity.Address, identity.Phone) }()

	var code struct{ Status, Code, Cursor string }
	err := a.call(ctx, &code, "wait_for_otp", args{"identity": a.uuid, "cursor": identity.Cursor, "channel": "sms", "timeout_seconds": 20})
	if err == nil && code.Code != strings.ReplaceAll(a.code, " ", "") {
		err = fmt.Errorf("%s got the code %q, want %q", a.name, code.Code, a.code)
	}
	if err != nil {
		return err
	}
	var link struct{ Status, Link string }
	err = a.call(ctx, &link, "wait_for_otp", args{"identity": a.uuid, "cursor": identity.Cursor, "want": "link", "channel": "email", "timeout_seconds": 20})
	if err == nil && link.Link != a.link {
		err = fmt.Errorf("%s got the link %q, want %q", a.name, link.Link, a.link)
	}
	if err = errors.Join(err, <-sent); err != nil {
		return err
	}
	if err := a.call(ctx, nil, "save_credential", args{"identity": a.uuid, "domain": a.domain, "username": a.address}); err != nil {
		return err
	}
	return a.call(ctx, nil, "get_credential", args{"identity": a.uuid, "domain": a.domain})
}

// deliver sends what the web site and other senders send: decoys first, then the real messages,
// late.
func (a *agent) deliver(ctx context.Context, address, phone string) error {
	steps := []func() error{
		func() error { return a.sms(phone, "SHOPLY", "Order 730415 has shipped. Save 20% with code SPRING20!") },
		func() error {
			return a.mail(address, "Weekly <news@weekly.example>", "Issue 4821", "The 2026 edition: 381204 readers. Unsubscribe: https://weekly.example/u/77120", "")
		},
		func() error {
			return a.sms(phone, "32665", "Your "+a.domain+" verification code is "+a.code+". Do not share it.")
		},
		func() error {
			return a.mail(address, "no-reply@"+a.domain, "Confirm your email address", "",
				`<p>Welcome!</p><p><a href="`+a.link+`">Confirm my address</a></p><p><a href="https://`+a.domain+`/help">Help</a></p>`)
		},
	}
	for _, step := range steps {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(400 * time.Millisecond):
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (a *agent) sms(to, from, body string) error {
	a.printer.line("(SMS)", dim, fmt.Sprintf("to %s from %s: %s", to, from, body))
	_, err := a.ravi.server.DeliverSMS(sandbox.SMS{To: to, From: from, Body: body})
	return err
}

func (a *agent) mail(to, from, subject, text, html string) error {
	a.printer.line("(mail)", dim, fmt.Sprintf("to %s from %s: %s", to, from, subject))
	_, err := a.ravi.server.DeliverEmail(sandbox.Email{To: to, From: from, Subject: subject, Text: text, HTML: html})
	return err
}

// checkIsolation shows that the inbox holds only the agent's own messages and that the other's
// identity does not exist for it: neither in its list nor by uuid.
func (a *agent) checkIsolation(ctx context.Context, other *agent) error {
	var mine struct{ Total int }
	if err := a.call(ctx, &mine, "list_messages", args{"identity": a.uuid, "limit": 1}); err != nil {
		return err
	}
	if mine.Total != 4 {
		return fmt.Errorf("%s sees %d messages, want its own 4", a.name, mine.Total)
	}
	var known struct{ Total int }
	if err := a.call(ctx, &known, "list_identities", args{}); err != nil {
		return err
	}
	if known.Total != 1 {
		return fmt.Errorf("%s sees %d identities, want its own only", a.name, known.Total)
	}
	err := a.call(ctx, nil, "list_messages", args{"identity": other.uuid})
	var refused *refusal
	if !errors.As(err, &refused) || refused.Code != "identity_not_found" {
		return fmt.Errorf("%s was not refused the inbox of %s: %w", a.name, other.name, err)
	}
	a.note("%s", a.printer.paint(green, "cannot see "+other.name))
	return nil
}

type args map[string]any

// refusal is an error result.
type refusal struct{ Code, Message, Hint string }

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

// call calls a tool, prints both directions, and decodes the result into into.
func (a *agent) call(ctx context.Context, into any, tool string, arguments args) error {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	a.printer.line(a.name, a.color, "→ "+tool+" "+readable(raw))
	var req mcp.CallToolRequest
	req.Params.Name, req.Params.Arguments = tool, map[string]any(arguments)
	result, err := a.client.CallTool(ctx, req)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", a.name, tool, err)
	}
	if result.IsError {
		return a.refused(result)
	}
	if raw, err = json.Marshal(result.StructuredContent); err != nil {
		return err
	}
	a.printer.line(a.name, a.color, "← "+readable(raw))
	if into == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

func (a *agent) refused(result *mcp.CallToolResult) error {
	r := &refusal{Code: "unknown"}
	for _, c := range result.Content {
		if text, ok := mcp.AsTextContent(c); ok {
			_ = json.Unmarshal([]byte(text.Text), r)
		}
	}
	a.printer.line(a.name, a.color, "← "+r.Error())
	return r
}

func (a *agent) note(format string, v ...any) {
	a.printer.line(a.name, a.color, "  "+fmt.Sprintf(format, v...))
}
