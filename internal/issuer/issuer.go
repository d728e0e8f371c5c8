package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"
)

// Failures of this package, for errors.Is. Their texts are safe to show.
var (
	// ErrInvalid: the token is not valid; the reason is logged and never returned.
	ErrInvalid = errors.New("issuer: the token is not valid here")
	// ErrUnavailable: nothing can be said about the token, because the issuer's keys could not be
	// read; the same token may be valid in a moment.
	ErrUnavailable = errors.New("issuer: the keys of the issuer could not be read")
)

// maxToken is the length in bytes of the longest token that is looked at.
const maxToken = 8 << 10

// Config names the issuer whose tokens are accepted, and the audiences they must have.
type Config struct {
	// URL is the issuer, exactly as its tokens name it: https, or http on loopback, without query
	// and fragment. Required.
	URL string
	// Audiences are the names by which tokens mean this server, such as
	// https://mcp.example.com/mcp. Each token has exactly one of them. Required.
	Audiences []string
	// Transport carries the requests to the issuer. Nil: TLS 1.2 at least, the system's roots, the
	// proxy of the environment.
	Transport http.RoundTripper
	// Now is the clock that expiry is checked with; nil means time.Now.
	Now func() time.Time
	// Log gets failures to read the keys, and at debug level which of a closed set of reasons a
	// token was refused for. The zero value is silent.
	Log zerolog.Logger
}

// Issuer verifies tokens. Make it with New; Run must run. It may be used by any number of
// goroutines.
type Issuer struct {
	cfg      Config
	loopback bool
	client   *http.Client
	verifier *oidc.IDTokenVerifier
	keys     atomic.Pointer[keySet]
	verified verifiedTokens
	wake     chan struct{}
	first    chan struct{}

	mu      sync.Mutex
	reading chan struct{} // closed at the end of the reading that is under way or asked for
	waiting int
	tried   time.Time // when the latest reading ended
	failed  error     // how it ended
}

// New returns an Issuer that knows no key yet. It sends nothing.
func New(cfg Config) (*Issuer, error) {
	loopback, err := checkURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	if len(cfg.Audiences) == 0 || slices.Contains(cfg.Audiences, "") {
		return nil, errors.New("issuer: an audience is needed")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	i := &Issuer{
		cfg: cfg, loopback: loopback, client: newClient(cfg.Transport),
		wake: make(chan struct{}, 1), first: make(chan struct{}),
	}
	i.verifier = oidc.NewVerifier(cfg.URL, i, &oidc.Config{
		SkipClientIDCheck: true, // check is stricter
		Now:               cfg.Now, SupportedSigningAlgs: algorithmNames(),
	})
	return i, nil
}

// checkURL reports whether the issuer is one on loopback, which may do without TLS.
func checkURL(text string) (loopback bool, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return false, errors.New("issuer: want a URL such as https://login.example.com, without query")
	}
	loopback = onLoopback(u)
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback) {
		return false, errors.New("issuer: want https (http only on loopback)")
	}
	return loopback && u.Scheme == "http", nil
}

func onLoopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.Unmap().IsLoopback()
}

// URL returns the issuer as it is configured.
func (i *Issuer) URL() string { return i.cfg.URL }

// Verify returns the subject of a valid token, and when it expires. Its errors are ErrInvalid,
// ErrUnavailable, and the cause of ctx while it waits for the issuer's keys.
func (i *Issuer) Verify(ctx context.Context, token string) (subject string, expires time.Time, err error) {
	if len(token) > maxToken {
		return "", expires, i.refuse("length")
	}
	now := i.cfg.Now()
	keys := i.keys.Load()
	if known, ok := i.verified.find(keys, token, now); ok && keys.usable(now) {
		return known.subject, known.expires, nil
	}
	// What is cheap is checked first, so that invalid tokens cost the issuer no request.
	parsed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(parsed.Signatures) != 1 {
		return "", expires, i.refuse("format or algorithm")
	}
	claimed, reason := i.check(parsed.Signatures[0].Header, parsed.UnsafePayloadWithoutVerification(), now)
	if reason != "" {
		return "", expires, i.refuse(reason)
	}
	if keys, err = i.keysFor(ctx, parsed.Signatures[0].Header); err != nil {
		return "", expires, err
	}
	if _, err := i.verifier.Verify(context.WithValue(ctx, keySetKey{}, keys), token); err != nil {
		return "", expires, i.refuse("signature")
	}
	i.verified.add(keys, token, claimed)
	return claimed.subject, claimed.expires, nil
}

// refuse logs why a token is refused.
func (i *Issuer) refuse(reason string) error {
	i.cfg.Log.Debug().Str("reason", reason).Msg("an access token was refused")
	return ErrInvalid
}

// Ready returns nil when tokens can be verified, and otherwise an error that is ErrUnavailable and
// says what is wrong with the issuer, for the operator.
func (i *Issuer) Ready() error {
	if i.keys.Load().usable(i.cfg.Now()) {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, i.failed)
	}
	return fmt.Errorf("%w yet", ErrUnavailable)
}

// Tried returns a channel that is closed when Run has asked the issuer once, whatever came of it.
func (i *Issuer) Tried() <-chan struct{} { return i.first }

// isIssuer reports whether an audience is the issuer itself or one of its endpoints, such as
// userinfo.
func (i *Issuer) isIssuer(audience string) bool {
	base := strings.TrimSuffix(i.cfg.URL, "/")
	return audience == base || strings.HasPrefix(audience, base+"/")
}
