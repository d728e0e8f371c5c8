// Package issuertest is an OpenID Connect issuer for tests: discovery, keys that can be rotated,
// and valid and invalid tokens. It can be slow, down, or answer anything.
//
//	fake := issuertest.Start(t)
//	token := fake.Token("alice", nil)
//	expired := fake.Token("alice", map[string]any{"exp": 1})
package issuertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// Audience is the audience of the tokens of Claims.
const Audience = "https://mcp.test/mcp"

// Canary stands in every token of Claims, in the claim "canary".
const Canary = "TOKEN-CANARY-4f1d"

// Issuer is one issuer. It is an http.Handler, and a RoundTripper for tests without sockets. All
// methods may be called by any number of goroutines.
type Issuer struct {
	// URL is the issuer's; set it before the first request where Start was not used.
	URL string

	t    testing.TB
	mu   sync.Mutex
	keys []Key
	// answer replaces what is answered, if it is not nil.
	answer   http.Handler
	requests int
}

// Key is a key pair of the issuer.
type Key struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   crypto.Signer
}

var (
	poolOnce sync.Once
	pool     struct{ rsa *rsa.PrivateKey }
)

// go-jose builds the encoder of a type once in the process, under a WaitGroup. If a synctest bubble
// is the first to need one, a test outside that waits for it dereferences nil in the runtime. So
// they are built here, before any test.
func init() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	options := (&jose.SignerOptions{}).WithHeader("kid", "").WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, options)
	if err != nil {
		panic(err)
	}
	if _, err = signer.Sign(nil); err != nil {
		panic(err)
	}
	if _, err = (jose.JSONWebKey{Key: private.Public()}).MarshalJSON(); err != nil {
		panic(err)
	}
}

// NewKey makes a key for ES256 or RS256. All RSA keys are the same one, because making them takes
// long.
func NewKey(t testing.TB, id string, algorithm jose.SignatureAlgorithm) Key {
	t.Helper()
	if algorithm == jose.RS256 {
		poolOnce.Do(func() { pool.rsa, _ = rsa.GenerateKey(rand.Reader, 2048) })
		return Key{id, algorithm, pool.rsa}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return Key{id, jose.ES256, private}
}

// New returns an issuer without a socket, with an RSA key "rsa-1" and an ECDSA key "ec-1".
func New(t testing.TB, url string) *Issuer {
	t.Helper()
	return &Issuer{URL: url, t: t, keys: []Key{NewKey(t, "rsa-1", jose.RS256), NewKey(t, "ec-1", jose.ES256)}}
}

// Start returns an issuer on a loopback port, which ends with the test.
func Start(t testing.TB) *Issuer {
	t.Helper()
	i := New(t, "")
	web := httptest.NewServer(i)
	t.Cleanup(web.Close)
	i.URL = web.URL
	return i
}

// Keys returns the keys that are published.
func (i *Issuer) Keys() []Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]Key(nil), i.keys...)
}

// Publish replaces the keys that are published.
func (i *Issuer) Publish(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Answer makes h answer every request; nil takes that back.
func (i *Issuer) Answer(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = nil
	if h != nil {
		i.answer = h
	}
}

// Down makes every request fail with 503, or takes that back.
func (i *Issuer) Down(down bool) {
	if !down {
		i.Answer(nil)
		return
	}
	i.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusServiceUnavailable) })
}

// Requests returns how many requests there were, for keys and discovery.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.requests++
	answer, keys := i.answer, i.keys
	i.mu.Unlock()
	if answer != nil {
		answer.ServeHTTP(w, r)
		return
	}
	prefix := ""
	if u, err := url.Parse(i.URL); err == nil {
		prefix = u.Path
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case prefix + "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"authorization_endpoint":%q,"token_endpoint":%q}`, i.URL, i.URL+"/keys", i.URL+"/auth", i.URL+"/token")
	case prefix + "/keys":
		var set jose.JSONWebKeySet
		for _, k := range keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Algorithm), Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

// RoundTrip implements http.RoundTripper, without a socket.
func (i *Issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	response := w.Result()
	response.Request = r
	return response, nil
}

// Claims are those of a valid access token of the subject, which expires in an hour; change is laid
// over them, and a nil value takes a claim away.
func (i *Issuer) Claims(subject string, change map[string]any) map[string]any {
	now := time.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": Audience, "sub": subject, "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		"client_id": "some-client", "scope": "mcp", "canary": Canary,
	}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// Token returns a valid access token of the subject, with the first key; change is as in Claims.
func (i *Issuer) Token(subject string, change map[string]any) string {
	i.t.Helper()
	return Sign(i.t, i.Keys()[0], "at+jwt", i.Claims(subject, change))
}

// Sign returns a token of that type ("" for none) with those claims.
func Sign(t testing.TB, k Key, kind string, claims any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", k.ID)
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.Algorithm, Key: k.Private}, options)
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// Drip is an answer of one byte a second without end.
func Drip(w http.ResponseWriter, r *http.Request) {
	for {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
}
