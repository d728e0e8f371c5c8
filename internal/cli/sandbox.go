package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

const sandboxHelp = `Run the embedded Ravi on its own, for any client of Ravi's API: both dialects,
the event stream, mail and SMS coming in, and faults on demand. It is not the
real service: it sends nothing, and its credentials are worth nothing.

The admin listener delivers messages and plans faults. It has no authentication
and hands out credentials; keep it on loopback.`

const sandboxExample = `  ravi-mcp sandbox
  ravi-mcp sandbox --era keys --data ./ravi-data
  ravi-mcp sandbox --smtp-addr localhost:2525 --faults faults.json`

type sandboxFlags struct {
	addr, admin, smtp string
	era, data, faults string
	pin               string
	noPlan            bool
}

func newSandbox(s streams) *cobra.Command {
	var f sandboxFlags
	cmd := &cobra.Command{
		Use: "sandbox", Short: "Run the embedded Ravi on its own", Long: sandboxHelp, Example: sandboxExample,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "localhost:8788", "address of Ravi's API; localhost is 127.0.0.1 and ::1, an IP address that one alone (port 0: a free one)")
	flags.StringVar(&f.admin, "admin-addr", "localhost:8789", "address of the admin listener")
	flags.StringVar(&f.smtp, "smtp-addr", "", "address on which to accept mail by SMTP (default: none)")
	addSandboxData(flags, &f.era, &f.data, "")
	flags.StringVar(&f.faults, "faults", "", "file with a plan of faults (a JSON array)")
	flags.StringVar(&f.pin, "sandbox-pin", "", "make the account end-to-end encrypted under this made-up PIN of six digits (era token)")
	flags.BoolVar(&f.noPlan, "no-plan", false, "make an account without a paid plan (402)")
	return cmd
}

func (f sandboxFlags) run(ctx context.Context, s streams) error {
	era, err := parseEra(f.era)
	if err != nil {
		return err
	}
	server, err := sandbox.New(sandbox.Config{Era: era, Data: f.data})
	if err != nil {
		return err
	}
	defer server.Close()
	if f.faults != "" {
		file, err := os.Open(f.faults)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := server.Faults().Load(file); err != nil {
			return fmt.Errorf("--faults %s: %w", f.faults, err)
		}
	}
	account, err := server.Account(sandbox.AccountConfig{PIN: f.pin, NoPlan: f.noPlan})
	if err != nil {
		return err
	}
	var web listeners
	defer web.close()
	api, err := web.serve(f.addr, server)
	if err != nil {
		return err
	}
	admin, err := web.serve(f.admin, server.Admin())
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "RAVI_BASE_URL=%s\n%s\n", api, accountEnv(account))
	fmt.Fprintf(s.err, "Ravi's API at %s, admin at %s. %s", api, admin, deliveryHint(admin))
	if f.smtp != "" {
		ls, err := listen(f.smtp, zerolog.Nop())
		if err != nil {
			return err
		}
		defer closeAll(ls)
		for _, l := range ls {
			fmt.Fprintf(s.err, "SMTP at %s\n", l.Addr())
			go func() { _ = server.ServeSMTP(l) }()
		}
	}
	<-ctx.Done()
	return nil
}

// accountEnv is the line that lets a client of Ravi use the account.
func accountEnv(a *sandbox.Account) string {
	if a.ManagementKey != "" {
		return "RAVI_API_KEY=" + a.ManagementKey
	}
	return "RAVI_ACCESS_TOKEN=" + a.AccessToken
}

func parseEra(v string) (sandbox.Era, error) {
	switch v {
	case "token":
		return sandbox.EraTokens, nil
	case "keys":
		return sandbox.EraKeys, nil
	}
	return "", wrongUsage("the era of the embedded Ravi: want token or keys")
}

// listeners are HTTP servers on addresses of their own.
type listeners struct{ servers []*http.Server }

// serve serves h on addr and returns its origin, the first if addr is localhost.
func (l *listeners) serve(addr string, h http.Handler) (string, error) {
	sockets, err := listen(addr, zerolog.Nop())
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	l.servers = append(l.servers, server)
	for _, socket := range sockets {
		go func() {
			if err := server.Serve(socket); !errors.Is(err, http.ErrServerClosed) {
				_ = socket.Close()
			}
		}()
	}
	return "http://" + sockets[0].Addr().String(), nil
}

func (l *listeners) close() {
	for _, s := range l.servers {
		_ = s.Close()
	}
}

// embedded is a Ravi inside this process, on a loopback port of its own, with one account.
type embedded struct {
	server  *sandbox.Server
	account *sandbox.Account
	url     string
	web     listeners
}

type embeddedOptions struct {
	era  string // as --sandbox-era
	data string // folder to keep it in; "" keeps nothing
}

// addSandboxData adds the flags that the sandbox command and the servers with an embedded Ravi
// share, under the given prefix.
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
		"  curl -H 'Content-Type: application/json' -d '{\"to\":\"+15552000001\",\"from\":\"32665\",\"body\":\"Your code is 482913\"}' %s/sms\n"+
		"  (GET %s/identities shows the numbers and addresses; POST %s/email takes to, from, subject, text, html)\n", admin, admin, admin)
}

func (e *embedded) credentials() config.Credentials {
	c := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(e.account.AccessToken), Source: "the embedded Ravi"}
	if e.account.ManagementKey != "" {
		c = config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(e.account.ManagementKey), Source: "the embedded Ravi"}
	}
	return c
}

func (e *embedded) close() {
	_ = e.server.Close()
	e.web.close()
}
