package ravi

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/seal"
)

// Where Ravi answers when neither Config nor RAVI_BASE_URL says otherwise
// (docs/ravi-api.md#endpoints).
const (
	DefaultTokenBaseURL = "https://ravi.app"    // token scheme
	DefaultKeyBaseURL   = "https://api.ravi.id" // key scheme, and without a credential
)

const (
	defaultTimeout   = 30 * time.Second
	defaultRetryTime = 30 * time.Second
	defaultUserAgent = "ravi-mcp"
	defaultKeyLabel  = "ravi-mcp"
)

// Config says how to reach Ravi. Only Credentials is needed, and not even that for a login.
type Config struct {
	// Credentials is what to authenticate with; see config.Sources. With the zero value only the
	// calls of a login work; all others fail with ErrNotAuthenticated.
	Credentials config.Credentials
	// BaseURL is Ravi's origin, e.g. "https://ravi.app". Default: Credentials.BaseURL, else
	// DefaultTokenBaseURL or DefaultKeyBaseURL. It must be https, except on loopback and for the
	// host names of tests (*.test). It must come from an operator, never from the caller of a
	// method: the credential is sent there.
	BaseURL string
	// Transport carries the requests. Default: HTTPClient's, else one of its own with TLS 1.2 or
	// later and the proxy of the environment. Tests put an in-memory one here.
	Transport http.RoundTripper
	// HTTPClient is used for its Transport only: this package follows no redirects, keeps no
	// cookies and sets its own timeouts.
	HTTPClient *http.Client
	// Timeout bounds one request with its response. Default 30 s. A stream is bounded until its
	// headers arrive.
	Timeout time.Duration
	// RetryTime bounds what a call spends on waiting for retries, 429 included. Default 30 s;
	// negative means no retries.
	RetryTime time.Duration
	// UserAgent is the User-Agent header. Default "ravi-mcp".
	UserAgent string
	// KeyLabel is the label of minted identity keys, which users see in Ravi's dashboard. Default
	// "ravi-mcp".
	KeyLabel string
	// Logger gets one debug line per request and a warning where a user should know, never a body,
	// a header or a query. The zero value is silent.
	Logger zerolog.Logger
	// Observe is called after every request to Ravi, for metrics and traces, with the context of
	// the call that led to it. It must be quick and safe for concurrent use. It may be nil.
	Observe func(context.Context, Request)
}

// Request is one request that went to Ravi, as Config.Observe sees it.
type Request struct {
	// Method and Endpoint say what was asked, the endpoint as a template such as
	// "/api/passwords/{uuid}/": no identifier is in it.
	Method, Endpoint string
	// Status is the HTTP status, 0 when there was no answer.
	Status int
	// Duration is the time until the body was read, or the stream's headers.
	Duration time.Duration
	// Attempt counts from 1; higher ones are retries.
	Attempt int
}

// Client talks to one Ravi with one credential. Make it with New. All methods are safe for
// concurrent use.
type Client struct {
	creds  config.Credentials
	base   string // without a slash at the end
	http   *http.Client
	owned  bool // Close closes the transport
	conf   Config
	auth   authority
	ctx    context.Context // until Close
	cancel context.CancelFunc

	keys        atomic.Pointer[seal.Keys] // the account's, if known
	sealing     atomic.Pointer[seal.Keys] // to write encrypted fields with, once known; without a key they stay plain
	secretsPath atomic.Pointer[string]    // "/api/secrets/" or "/api/vault/", once known

	clockAhead atomic.Int64 // nanoseconds that Ravi's clock is ahead of the local one
	clockKnown atomic.Bool  // an answer had a Date

	mu     sync.Mutex // guards closed against the group
	closed bool
	group  sync.WaitGroup // background work: refreshes and streams
}

// New returns a client. It makes no request.
//
// Errors: a base URL that is no https origin (*config.ValueError), a transport that does not verify
// certificates, stored encryption keys that are damaged (seal.ErrKey).
func New(cfg Config) (*Client, error) {
	base, err := baseURL(cmp.Or(cfg.BaseURL, cfg.Credentials.BaseURL, defaultBase(cfg.Credentials.Scheme)))
	if err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.RetryTime = cmp.Or(cfg.RetryTime, defaultRetryTime)
	cfg.UserAgent = cmp.Or(cfg.UserAgent, defaultUserAgent)
	cfg.KeyLabel = cmp.Or(cfg.KeyLabel, defaultKeyLabel)

	c := &Client{creds: cfg.Credentials, base: base, conf: cfg}
	if c.http, c.owned, err = httpClient(cfg); err != nil {
		return nil, err
	}
	keys, err := seal.ParseKeys(cfg.Credentials.PrivateKey, cfg.Credentials.PublicKey)
	if err != nil {
		return nil, err
	}
	if keys.CanSeal() {
		c.keys.Store(&keys)
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.auth = newAuthority(c)
	return c, nil
}

func defaultBase(scheme config.Scheme) string {
	if scheme == config.SchemeToken {
		return DefaultTokenBaseURL
	}
	return DefaultKeyBaseURL
}

// baseURL checks and normalises a base URL. A trailing "/api", as some samples write it, is
// dropped.
func baseURL(text string) (string, error) {
	const name = config.EnvBaseURL + ", Ravi's base URL,"
	refuse := func(shape string) (string, error) { return "", &config.ValueError{Name: name, Shape: shape} }
	if err := config.CheckText(name, text); err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	switch {
	case !strings.Contains(text, "://"):
		return refuse("has no https:// before the host")
	case err != nil || u.Host == "" || u.Opaque != "":
		return refuse("is no absolute URL such as https://ravi.app")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return refuse("has a user, a query or a fragment, and must not")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLocal(u.Hostname())):
		return refuse("does not begin with https://, which only loopback need not")
	}
	path := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/api")
	return u.Scheme + "://" + u.Host + path, nil
}

// isLocal accepts loopback, and the names that RFC 6761 keeps for tests, which are no host's.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".test") || ip != nil && ip.IsLoopback()
}

// httpClient builds the client that sends. Redirects are never followed: the credential belongs to
// the configured origin only.
func httpClient(cfg Config) (client *http.Client, owned bool, err error) {
	transport := cfg.Transport
	if transport == nil && cfg.HTTPClient != nil {
		transport = cmp.Or(cfg.HTTPClient.Transport, http.DefaultTransport)
	}
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.MaxIdleConns, own.MaxIdleConnsPerHost = 0, 128
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		transport, owned = own, true
	}
	if t, ok := transport.(*http.Transport); ok && t.TLSClientConfig != nil && t.TLSClientConfig.InsecureSkipVerify {
		return nil, false, errors.New("ravi: the transport does not verify certificates")
	}
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}, owned, nil
}

// Scheme returns the scheme of the credential; empty when there is none.
func (c *Client) Scheme() config.Scheme { return c.creds.Scheme }

// Source says in words where the credential came from: a variable or a file, as
// config.Credentials.Source.
func (c *Client) Source() string { return c.creds.Source }

// Scope returns the calls for one identity. It makes no request and cannot fail: whether the
// identity exists and may be used shows in the first call.
func (c *Client) Scope(identityUUID string) *Scope { return &Scope{c: c, identity: identityUUID} }

// Scope is everything that can be done as one identity. It is cheap, holds no state and is safe for
// concurrent use.
type Scope struct {
	c        *Client
	identity string
}

// Identity returns the uuid that the scope is for.
func (s *Scope) Identity() string { return s.identity }

// Close ends all event streams, waits for a token refresh that is under way so that its result is
// saved, and clears the encryption keys. Calls after Close fail. It always returns nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.group.Wait()
	if keys := c.keys.Swap(nil); keys != nil {
		keys.Clear()
	}
	if c.owned {
		c.http.CloseIdleConnections()
	}
	return nil
}

// spawn runs fn in the background until Close waits for it; false after Close.
func (c *Client) spawn(fn func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.group.Go(fn)
	return true
}

// Origin returns where this client sends its requests, e.g. "https://ravi.app".
func (c *Client) Origin() string { return c.base }

// CanOpen reports whether the client has keys that open the account's end-to-end encrypted fields.
func (c *Client) CanOpen() bool {
	keys := c.keys.Load()
	return keys != nil && keys.CanOpen()
}

// shared runs fn once for all concurrent callers of the same name in a group. fn runs in the
// background, so that one caller giving up neither fails the others nor loses what Ravi answers;
// its context is the client's.
func shared[T any](ctx context.Context, c *Client, group *singleflight.Group, name string, fn func(context.Context) (T, error)) (T, error) {
	done := group.DoChan(name, func() (any, error) {
		var value T
		err := error(&Error{Kind: ErrUnavailable, Detail: "the client is closed"})
		finished := make(chan struct{})
		started := c.spawn(func() {
			defer close(finished)
			ctx, cancel := context.WithTimeout(c.ctx, refreshTimeout)
			defer cancel()
			value, err = fn(ctx)
		})
		if started {
			<-finished
		}
		return value, err
	})
	select {
	case r := <-done:
		return r.Val.(T), r.Err
	case <-ctx.Done():
		var none T
		return none, &Error{Kind: ErrUnavailable, Cause: context.Cause(ctx)}
	}
}
