package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/session"
)

const httpHelp = `Serve any number of remote agents: streamable HTTP at /mcp for every protocol
revision, and the older SSE transport at /sse and /message. /healthz says that
the process lives, /readyz that Ravi, and Redis if there is one, can be reached.

On loopback no token is needed, and everybody on the machine is the one caller
"local". Any other address needs callers (--callers, RAVI_MCP_TOKEN or
--token-file), and TLS (--tls-cert and --tls-key, or --behind-tls-proxy).

--callers names a TOML file, which is read again when it changes:

  [[caller]]
  name = "alice"
  token_sha256 = "..."            # ravi-mcp token new alice
  # oidc_subject = "..."          # instead of it: the sub of alice's access tokens
  identities = ["alice-*"]        # required; "*" is every identity, "own" what alice created
  default_identity = "alice-main" # the rest may be missing
  toolsets = ["identity", "inbox"]
  read_only = true
  shared = true                   # a gateway: several agents call with this token
  ravi_config_dir = "/etc/ravi/a" # a Ravi account of its own, instead of the server's
  reveal = "deny"                 # as the flags; the stricter of the two holds

With --oidc-issuer and --oidc-audience, callers with an oidc_subject come with
access tokens of that OpenID Connect issuer, whose only audience is the given
one. Clients find the issuer by themselves (RFC 9728).

An identity of a call is, first match wins: the tool's identity argument, the
one its session knows if it is the only one, the header X-Ravi-Identity, then
--identity (one caller) or default_identity (callers). No config file ever
names it. A session that knows several has none by itself: calls pass identity.

The key that seals cursors is 32 bytes in base64 or hex, in RAVI_MCP_SEAL_KEY
or --seal-key-file, followed by the previous one while it is being replaced.
Without either it is made once and kept in --state-dir.

Several replicas share sessions in Redis: RAVI_MCP_SESSION_STORE, or the file
that --session-store-file names (mode 0600), holds its URL, redis:// or, for
TLS, rediss://. They then need one sealing key and the same flags.`

const httpExample = `  ravi-mcp http --sandbox
  ravi-mcp http --addr 0.0.0.0:8787 --callers callers.toml --behind-tls-proxy --public-url https://mcp.example.com
  claude mcp add --transport http ravi https://mcp.example.com/mcp --header "Authorization: Bearer $TOKEN"`

type httpFlags struct {
	options
	addr         string
	publicURLs   []string
	allowOrigins []string
	callers      string
	tokenFile    string
	cert, key    string
	behindProxy  bool
	noSSE        bool
	oidc         oidcFlags
	sealKeyFile  string
	storeFile    string
	metricsAddr  string
	sessions     int
	idle         time.Duration
	limits       mcphttp.Limits
}

func newHTTP(s streams) *cobra.Command {
	var f httpFlags
	cmd := &cobra.Command{
		Use: "http", Short: "Serve remote agents over HTTP", Long: httpHelp, Example: httpExample,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), s) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.addr, "addr", "localhost:8787", "address to listen on; localhost is 127.0.0.1 and ::1, an IP address that one alone (port 0: a free one)")
	flags.StringArrayVar(&f.publicURLs, "public-url", nil, "URL under which clients reach the server; its host is allowed as Host and Origin (repeatable)")
	flags.StringArrayVar(&f.allowOrigins, "allow-origin", nil, "origin of web pages that may use the server, such as https://app.example.com (repeatable)")
	flags.StringVar(&f.callers, "callers", "", "file with the callers, their tokens and rights")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the token of the one caller (or RAVI_MCP_TOKEN)")
	f.oidc.add(flags)
	flags.StringVar(&f.cert, "tls-cert", "", "file with the certificate chain; read again when it changes")
	flags.StringVar(&f.key, "tls-key", "", "file with the certificate's private key")
	flags.BoolVar(&f.behindProxy, "behind-tls-proxy", false, "a proxy in front speaks TLS with the clients")
	flags.BoolVar(&f.noSSE, "no-sse", false, "leave out /sse and /message")
	flags.StringVar(&f.sealKeyFile, "seal-key-file", "", "file with the key that seals cursors (or RAVI_MCP_SEAL_KEY)")
	flags.StringVar(&f.storeFile, "session-store-file", "", "file with the URL of the Redis that replicas share, redis:// or rediss:// (or RAVI_MCP_SESSION_STORE)")
	flags.StringVar(&f.metricsAddr, "metrics-addr", "", "address of a second listener with Prometheus metrics at /metrics, such as localhost:9464 (default: none)")
	flags.IntVar(&f.sessions, "max-sessions", session.DefaultPerCaller, "sessions of one caller; beyond it the one left alone for longest goes")
	flags.DurationVar(&f.idle, "session-idle", session.DefaultIdle, "time after which a session without a request ends (a session ends after 24h in any case)")
	flags.IntVar(&f.limits.CallsPerCaller, "max-calls", mcphttp.DefaultCallsPerCaller, "calls of one caller that run at a time, waits not counted; beyond it 429")
	flags.IntVar(&f.maxWaits, "max-waits", 1000, "waits of one caller that are open at a time")
	flags.IntVar(&f.limits.Rate, "max-rate", mcphttp.DefaultRate, "requests a second of one caller, with bursts of twice as many; beyond it 429; -1: no limit")
	flags.IntVar(&f.maxStreams, "max-streams", 2000, "event streams to Ravi that are open at a time; the rest is polled")
	f.add(flags)
	return cmd
}

func (f *httpFlags) run(ctx context.Context, s streams) error {
	log, err := f.log.logger(s.err)
	if err != nil {
		return err
	}
	access, err := f.check(log)
	if err != nil {
		return err
	}
	f.remote = true
	shared, err := f.sharedStore(log)
	if err != nil {
		return err
	}
	defer shared.close()
	if f.sealer, err = f.seal(f.sealKeyFile, log); err != nil {
		return err
	}
	certificate, err := f.certificate(log)
	if err != nil {
		return err
	}
	scrapes, err := f.listenMetrics(log)
	if err != nil {
		return err
	}
	defer closeAll(scrapes)
	if scrapes != nil {
		f.metrics = server.NewMetrics(version())
	}
	app, err := newApp(f.options, log, s.err)
	if err != nil {
		return err
	}
	defer app.close()
	app.connectAccounts(access.callers)
	app.startLeases()

	ls, err := listen(f.addr, log)
	if err != nil {
		return fmt.Errorf("listen for --addr: %w", err)
	}
	defer closeAll(ls)
	web, sessions := f.assemble(app, access, shared, ls[0].Addr(), log)
	f.addGauges(web, sessions)
	ctx, cancel := context.WithCancel(ctx)
	defer serveMetrics(ctx, scrapes, f.metrics, log)()
	defer cancel()
	go sessions.Run(ctx)
	startIssuer(ctx, access.issuer)
	watchCallers(ctx, access.callers, sessions, web, log)
	f.announce(s, ls, access, certificate)
	shared.announce(s)
	if scrapes != nil {
		fmt.Fprintf(s.err, "metrics at %s\n", urls("http", scrapes, metricsPath))
	}
	return web.Serve(ctx, ls, certificate)
}

func (f *httpFlags) assemble(app *app, access access, shared *sharedStore, addr net.Addr, log zerolog.Logger) (*mcphttp.Server, sessionTable) {
	sessions, onEnd := f.sessionTable(shared)
	web := &mcphttp.Server{
		MCP: app.mcp.Server, Dispatcher: app.mcp.Dispatcher, Sessions: sessions, Anyone: access.anyone,
		CrossOrigins: f.allowOrigins, NoSSE: f.noSSE, TLS: f.cert != "" || f.behindProxy,
		OAuth: access.oauth(), Public: access.public,
		Ready: func(ctx context.Context) error {
			if err := access.issuerReady(); err != nil {
				return err
			}
			if err := shared.ping(ctx); err != nil {
				return err
			}
			return app.raviReady(ctx, access.callers)
		},
		Drain: app.hub.Shutdown, Limits: f.limits, Metrics: f.metrics, Tracer: app.tracer, Log: log,
	}
	if access.callers != nil {
		web.Callers = authenticator{callers: access.callers, issuer: access.issuer, accounts: app.accounts, credentials: &app.credentials}
	}
	web.Hosts, web.Origins = mcphttp.LocalNames(addr, f.cert != "")
	for _, u := range access.public {
		hosts, origins := mcphttp.PublicNames(u)
		web.Hosts, web.Origins = append(web.Hosts, hosts...), append(web.Origins, origins...)
	}
	*onEnd = func(key session.Key) {
		if err := app.store.EndSession(context.Background(), key); err != nil {
			log.Error().Err(err).Msg("the state of a session could not be dropped")
		}
		web.SessionEnded(key)
	}
	return web, sessions
}

// addGauges adds what is counted at the endpoint to the metrics, if there are any.
func (f *httpFlags) addGauges(web *mcphttp.Server, sessions sessionTable) {
	f.metrics.Gauge("sessions", "Protocol sessions that are open at this process.", sessions.Len)
	f.metrics.Gauge("http_requests_open", "HTTP requests in hand, waits and streams among them.", func() int { return web.Stats().Open })
	f.metrics.Gauge("http_calls_running", "Calls over HTTP in hand that do not wait.", func() int { return web.Stats().Running })
}

// watchCallers follows the callers file until ctx ends. A caller that is removed from it loses
// sessions and calls.
func watchCallers(ctx context.Context, callers *session.Callers, sessions sessionTable, web *mcphttp.Server, log zerolog.Logger) {
	if callers == nil {
		return
	}
	gone := func(names []string) {
		for _, name := range names {
			log.Info().Str("caller", name).Msg("the caller may not call any more")
			sessions.EndCaller(name)
			web.CallerGone(name)
		}
	}
	go callers.Watch(ctx, time.Second, gone, func(err error) {
		log.Error().Err(err).Msg("the callers file was not taken over; the old one still holds")
	})
}

// announce says on stderr where the server is and who may use it.
func (f *httpFlags) announce(s streams, ls []net.Listener, access access, certificate *tls.Config) {
	scheme := "http"
	if certificate != nil {
		scheme = "https"
	}
	fmt.Fprintf(s.err, "MCP endpoint at %s\n", urls(scheme, ls, "/mcp"))
	switch {
	case access.callers == nil:
		fmt.Fprintf(s.err, "no token is needed: everybody on this machine is the one caller %q\n", session.LocalCaller)
	case f.callers != "":
		fmt.Fprintf(s.err, "%d callers, each with a token of its own\n", access.callers.Len())
	}
	if access.issuer != nil {
		fmt.Fprintf(s.err, "%d of them with access tokens of %s\n", access.callers.Subjects(), access.issuer.URL())
	}
	if len(f.allowOrigins) > 0 {
		fmt.Fprintf(s.err, "web pages of %s may use it\n", strings.Join(slices.Sorted(slices.Values(f.allowOrigins)), ", "))
	}
}
