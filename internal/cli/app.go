package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/internal/server"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// app is a server with everything behind it, ready for a transport.
type app struct {
	mcp     *server.MCP
	account *session.Account
	// accounts are those of callers with a folder of their own; nil with an embedded Ravi.
	accounts    *session.Accounts
	store       session.Store
	hub         *inbox.Hub
	deps        *tool.Deps
	tracer      *server.Tracer
	closers     []func()
	credentials knownCredentials
}

// newApp puts a server together. It starts without a credential; the tools then say what is
// missing.
func newApp(o options, log zerolog.Logger, notes io.Writer) (*app, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	a := &app{}
	var err error
	var endTraces func()
	if a.tracer, endTraces, err = traces(context.Background(), log); err != nil {
		return nil, err
	}
	a.closers = append(a.closers, endTraces)
	configFile, err := a.openAccounts(o, log, notes)
	if err != nil {
		a.close()
		return nil, err
	}
	a.store = o.store
	approvals := o.sealer
	if a.store == nil {
		a.store, approvals = o.memory(log)
	}
	if o.sealer == nil {
		o.sealer = token.Random()
	}
	a.hub = inbox.New(inbox.Config{Sealer: o.sealer, MaxStreams: o.maxStreams, MaxWaitsPerCaller: o.maxWaits, Observe: o.metrics.Wait, Logger: log})
	if o.metrics != nil {
		o.metrics.Inbox(a.hub.Stats)
	}
	a.closers = append(a.closers, func() { a.hub.Close(); _ = a.account.Close(); _ = a.accounts.Close() })
	a.deps = &tool.Deps{
		Account: a.account, Accounts: a.accounts, Store: a.store, Inbox: a.hub, MaxWait: o.maxWait, Sealer: approvals, Version: version(),
		Resolver: &session.Resolver{Account: a.account, Accounts: a.accounts, Store: a.store, Identity: o.identity, IdentitySource: o.identityFrom, ConfigFile: configFile},
	}
	o.lease(a, log)
	cfg := server.Config{Version: version(), ReadOnly: o.readOnly, Metrics: o.metrics, Tracer: a.tracer, Log: log, Deps: a.deps}
	err = o.control.apply(a, &cfg, log)
	if err == nil {
		a.mcp, err = server.New(cfg)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// openAccounts sets the accounts, which connect when they are first used, and returns where the
// file with an identity is looked for; nil: nowhere.
func (a *app) openAccounts(o options, log zerolog.Logger, notes io.Writer) (configFile func() (config.IdentityRef, error), err error) {
	client := func(folder, url string, credentials *config.Credentials, err error) (*ravi.Client, error) {
		if err != nil {
			return nil, err
		}
		a.credentials.keep(folder, credentials)
		return ravi.New(ravi.Config{
			Credentials: *credentials, BaseURL: url, UserAgent: "ravi-mcp/" + version(), Logger: log,
			Observe: func(ctx context.Context, r ravi.Request) {
				o.metrics.Ravi(r)
				a.tracer.Ravi(ctx, r)
			},
		})
	}
	if o.sandbox {
		embedded, err := startEmbedded(o.embedded, notes)
		if err != nil {
			return nil, fmt.Errorf("start the embedded Ravi: %w", err)
		}
		a.closers = append(a.closers, embedded.close)
		a.account = &session.Account{Connect: func() (*ravi.Client, error) {
			credentials := embedded.credentials()
			return client("", embedded.url, &credentials, nil)
		}}
		return nil, nil // a file names an identity and a credential of the real Ravi
	}
	sources := config.Sources{TrustProject: o.trustProject, Warn: func(msg string) { log.Warn().Msg(msg) }}
	a.account = &session.Account{Connect: func() (*ravi.Client, error) {
		credentials, err := sources.Credentials()
		return client("", "", credentials, err)
	}}
	a.accounts = &session.Accounts{Connect: func(folder string) (*ravi.Client, error) {
		credentials, err := folderCredentials(sources, folder)
		return client(folder, "", credentials, err)
	}}
	if o.remote {
		return nil, nil // a file of this machine is of no particular caller
	}
	return sources.Identity, nil
}

// close ends what runs, the last started first.
func (a *app) close() {
	for _, closer := range slices.Backward(a.closers) {
		closer()
	}
	a.closers = nil
}
