package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// embedded is a Ravi inside this process, on a loopback port of its own, with
// one account.
type embedded struct {
	server  *sandbox.Server
	account *sandbox.Account
	url     string
	web     listeners
}

// embeddedOptions say which Ravi to embed.
type embeddedOptions struct {
	era  string // as --sandbox-era
	data string // folder to keep it in; "" keeps nothing
}

// addSandboxData adds the flags that the sandbox command and the servers with
// an embedded Ravi share, under the given prefix.
func addSandboxData(flags *pflag.FlagSet, era, data *string, prefix string) {
	flags.StringVar(era, prefix+"era", "token", "dialect of the embedded Ravi: token (access tokens and X-Ravi-Identity) or keys (API keys)")
	flags.StringVar(data, prefix+"data", "", "folder to keep the embedded Ravi's data in (default: memory only)")
}

// startEmbedded starts a Ravi and says on notes how to deliver a message to it.
func startEmbedded(o embeddedOptions, notes io.Writer) (*embedded, error) {
	era, err := parseEra(o.era)
	if err != nil {
		return nil, err
	}
	s, err := sandbox.New(sandbox.Config{Era: era, Data: o.data, TokenLife: 30 * 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	e := &embedded{server: s}
	var admin string
	if e.account, err = s.Account(sandbox.AccountConfig{}); err == nil {
		e.url, err = e.web.serve("127.0.0.1:0", s)
	}
	if err == nil {
		admin, err = e.web.serve("127.0.0.1:0", s.Admin())
	}
	if err != nil {
		e.close()
		return nil, err
	}
	fmt.Fprintf(notes, "embedded Ravi at %s. %s", e.url, deliveryHint(admin))
	return e, nil
}

// deliveryHint says how to send a message to an identity of the sandbox.
func deliveryHint(admin string) string {
	return fmt.Sprintf("Send it a message with, for example:\n"+
		"  curl -H 'Content-Type: application/json' -d '{\"to\":\"+15552000001\",\"from\":\"32665\",\"body\":\"Your code is 123456\"}' %s/sms\n"+
		"  (GET %s/identities shows the numbers and addresses; POST %s/email takes to, from, subject, text, html)\n", admin, admin, admin)
}

// credentials are those of the account.
func (e *embedded) credentials() config.Credentials {
	c := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(e.account.AccessToken), Source: "the embedded Ravi"}
	if e.account.ManagementKey != "" {
		c = config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(e.account.ManagementKey), Source: "the embedded Ravi"}
	}
	return c
}

// close ends the listeners and the streams.
func (e *embedded) close() {
	_ = e.server.Close()
	e.web.close()
}
