package issuer_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/internal/issuer"
	"ravi-mcp/internal/test/issuertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const issuerURL = "https://login.test/realm"

// verifier is an issuer.Issuer that reads from a fake one.
type verifier struct {
	*issuer.Issuer
	t    *testing.T
	fake *issuertest.Issuer
	log  logBuffer
}

// open starts one, without a socket, so that it runs in a bubble too.
func open(t *testing.T, adjust func(*issuer.Config)) *verifier {
	t.Helper()
	d := &verifier{t: t, fake: issuertest.New(t, issuerURL)}
	cfg := issuer.Config{
		URL: issuerURL, Audiences: []string{issuertest.Audience}, Transport: d.fake, Log: zerolog.New(&d.log),
	}
	if adjust != nil {
		adjust(&cfg)
	}
	var err error
	d.Issuer, err = issuer.New(cfg)
	require.NoError(t, err)
	return d
}

// run runs it until the test ends.
func (d *verifier) run() *verifier {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	d.t.Cleanup(func() { stop(); <-done })
	<-d.Tried()
	return d
}

// subject returns the subject of a token, or the text of the error.
func (d *verifier) subject(token string) string {
	subject, _, err := d.Verify(context.Background(), token)
	if err != nil {
		assert.Empty(d.t, subject)
		return err.Error()
	}
	return subject
}

type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestValidTokenNamesItsSubject(t *testing.T) {
	t.Parallel()
	d := open(t, nil).run()
	require.NoError(t, d.Ready())
	rsa, ec := d.fake.Keys()[0], d.fake.Keys()[1]
	for name, token := range map[string]string{
		"RS256":                    issuertest.Sign(t, rsa, "at+jwt", d.fake.Claims("alice", nil)),
		"ES256":                    issuertest.Sign(t, ec, "at+jwt", d.fake.Claims("alice", nil)),
		"the long type":            issuertest.Sign(t, ec, "application/at+jwt", d.fake.Claims("alice", nil)),
		"type JWT":                 issuertest.Sign(t, ec, "JWT", d.fake.Claims("alice", nil)),
		"no type":                  issuertest.Sign(t, ec, "", d.fake.Claims("alice", nil)),
		"a type in the claims":     issuertest.Sign(t, ec, "JWT", d.fake.Claims("alice", map[string]any{"typ": "Bearer", "nonce": "n"})),
		"a list of one audience":   d.fake.Token("alice", map[string]any{"aud": []string{issuertest.Audience}}),
		"and the issuer's own":     d.fake.Token("alice", map[string]any{"aud": []string{issuertest.Audience, issuerURL + "/userinfo"}}),
		"valid from about now":     d.fake.Token("alice", map[string]any{"nbf": time.Now().Add(20 * time.Second).Unix()}),
		"a time with a fraction":   d.fake.Token("alice", map[string]any{"exp": float64(time.Now().Add(time.Hour).Unix()) + 0.5}),
		"no name of the only key?": issuertest.Sign(t, issuertest.Key{Algorithm: jose.RS256, Private: rsa.Private}, "", d.fake.Claims("alice", nil)),
	} {
		for range 2 { // the second time from memory
			assert.Equal(t, "alice", d.subject(token), name)
		}
	}
	assert.Equal(t, 2, d.fake.Requests(), "discovery and keys, once")
}

// SECURITY.md H3: whatever is wrong with a token, the answer is the same.
func TestInvalidTokensAreRefused(t *testing.T) {
	t.Parallel()
	d := open(t, nil).run()
	good := d.fake.Claims("alice", nil)
	rsa := d.fake.Keys()[0]
	signed := func(change map[string]any) string { return d.fake.Token("alice", change) }
	foreign := issuertest.NewKey(t, rsa.ID, jose.ES256)
	embedded, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: foreign.Private}, &jose.SignerOptions{EmbedJWK: true})
	require.NoError(t, err)
	payload, err := json.Marshal(good)
	require.NoError(t, err)
	own, err := embedded.Sign(payload)
	require.NoError(t, err)
	withOwnKey, err := own.CompactSerialize()
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(rsa.Private.Public())
	require.NoError(t, err)

	part := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	head, body, _ := strings.Cut(signed(nil), ".")
	body, signature, _ := strings.Cut(body, ".")
	flipped := []byte(signature)
	flipped[10] ^= 1

	for name, token := range map[string]string{
		"nothing":              "",
		"no JWT":               "rmcp_0123456789-0123456789-0123456789",
		"two parts":            head + "." + body,
		"another issuer":       signed(map[string]any{"iss": "https://login.test"}),
		"a nearly right one":   signed(map[string]any{"iss": issuerURL + "/"}),
		"no issuer":            signed(map[string]any{"iss": nil}),
		"another audience":     signed(map[string]any{"aud": "https://other.test/mcp"}),
		"several audiences":    signed(map[string]any{"aud": []string{issuertest.Audience, "https://other.test/mcp"}}),
		"an audience's prefix": signed(map[string]any{"aud": issuertest.Audience + "/x"}),
		"the issuer only":      signed(map[string]any{"aud": issuerURL}),
		"a neighbour of it":    signed(map[string]any{"aud": []string{issuertest.Audience, issuerURL + "-2"}}),
		"an audience of 1":     signed(map[string]any{"aud": 1}),
		"no audience":          signed(map[string]any{"aud": nil}),
		"an empty list":        signed(map[string]any{"aud": []string{}}),
		"expired":              signed(map[string]any{"exp": time.Now().Add(-time.Second).Unix()}),
		"no expiry":            signed(map[string]any{"exp": nil}),
		"an expiry in words":   signed(map[string]any{"exp": "tomorrow"}),
		"not yet valid":        signed(map[string]any{"nbf": time.Now().Add(2 * time.Minute).Unix()}),
		"valid from a word":    signed(map[string]any{"nbf": "now"}),
		"no subject":           signed(map[string]any{"sub": nil}),
		"an empty subject":     signed(map[string]any{"sub": ""}),
		"a subject of 1":       signed(map[string]any{"sub": 1}),
		"a long subject":       signed(map[string]any{"sub": strings.Repeat("a", 256)}),
		"a Subject only":       signed(map[string]any{"sub": nil, "Sub": "alice"}),
		"a proof is needed":    signed(map[string]any{"cnf": map[string]any{"jkt": "x"}}),
		"an ID token":          issuertest.Sign(t, rsa, "JWT", d.fake.Claims("alice", map[string]any{"at_hash": "x"})),
		"an ID token's nonce":  issuertest.Sign(t, rsa, "JWT", d.fake.Claims("alice", map[string]any{"nonce": "x"})),
		"an ID token, named":   issuertest.Sign(t, rsa, "JWT", d.fake.Claims("alice", map[string]any{"typ": "ID"})),
		"a refresh token":      issuertest.Sign(t, rsa, "JWT", d.fake.Claims("alice", map[string]any{"typ": "Refresh"})),
		"a logout token":       issuertest.Sign(t, rsa, "logout+jwt", d.fake.Claims("alice", map[string]any{"events": map[string]any{}})),
		"alg none":             part(map[string]any{"alg": "none", "kid": rsa.ID}) + "." + part(good) + ".",
		"alg None":             part(map[string]any{"alg": "None", "kid": rsa.ID}) + "." + part(good) + ".",
		"HS256, DER":           hmacToken(t, der, rsa.ID, good),
		"HS256, PEM":           hmacToken(t, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), rsa.ID, good),
		"a foreign key":        issuertest.Sign(t, foreign, "at+jwt", good),
		"a key it brings":      withOwnKey,
		"a changed signature":  head + "." + body + "." + string(flipped),
		"no signature":         head + "." + body + ".",
		"changed claims":       head + "." + part(d.fake.Claims("bob", nil)) + "." + signature,
		"JSON serialisation":   fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, body, head, signature),
		"too long":             signed(map[string]any{"pad": strings.Repeat("a", 8<<10)}),
		"claims are a list":    issuertest.Sign(t, rsa, "at+jwt", []string{"alice"}),
	} {
		subject, _, err := d.Verify(t.Context(), token)
		assert.Equal(t, issuer.ErrInvalid, err, name)
		assert.Empty(t, subject, name)
	}
	assert.Equal(t, 2, d.fake.Requests(), "none of them costs a request to the issuer")
	assert.NotContains(t, d.log.String(), issuertest.Canary)
	assert.NotContains(t, d.log.String(), body)
	assert.Contains(t, d.log.String(), `"reason":"audience"`)
}

// hmacToken is signed with something public as if it were a shared secret.
func hmacToken(t *testing.T, public []byte, kid string, claims any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: public}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	require.NoError(t, err)
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	signed, err := signer.Sign(payload)
	require.NoError(t, err)
	token, err := signed.CompactSerialize()
	require.NoError(t, err)
	return token
}

// To Go's decoder "Sub" is "sub"; to this package it is not.
func TestClaimNamesAreExact(t *testing.T) {
	t.Parallel()
	d := open(t, nil).run()
	raw, err := json.Marshal(d.fake.Claims("bob", nil))
	require.NoError(t, err)
	token := issuertest.Sign(t, d.fake.Keys()[0], "at+jwt", json.RawMessage(strings.TrimSuffix(string(raw), "}")+`,"Sub":"alice","ISS":"x","Aud":"y","EXP":1}`))
	got := d.subject(token)
	assert.NotEqual(t, "alice", got, "neither the subject nor anything else")
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	now := time.Now()
	d := open(t, func(c *issuer.Config) { c.Now = func() time.Time { return now } }).run()
	token := d.fake.Token("alice", map[string]any{"exp": now.Add(time.Minute).Unix()})
	require.Equal(t, "alice", d.subject(token))
	now = now.Add(58 * time.Second)
	require.Equal(t, "alice", d.subject(token))
	now = now.Add(3 * time.Second)
	assert.Equal(t, issuer.ErrInvalid.Error(), d.subject(token), "what is remembered expires too")
}

func TestIssuerURLIsHTTPSOrLoopback(t *testing.T) {
	t.Parallel()
	for text, fine := range map[string]bool{
		"https://login.test": true, "https://login.test/realm/x": true, "http://127.0.0.1:8080": true, "http://[::1]:1": true, "http://localhost:1/x": true,
		"http://login.test": false, "http://127.0.0.1.evil.test": false, "http://10.0.0.1": false, "login.test": false, "https://": false, "": false,
		"https://login.test?x=1": false, "https://login.test#x": false, "https://u:p@login.test": false, "ftp://localhost": false, "https://login.test?": false,
	} {
		_, err := issuer.New(issuer.Config{URL: text, Audiences: []string{"x"}})
		assert.Equal(t, fine, err == nil, "%s: %v", text, err)
	}
	_, err := issuer.New(issuer.Config{URL: issuerURL})
	assert.ErrorContains(t, err, "audience")
}

// BenchmarkSubject verifies a token that was verified before.
func BenchmarkSubject(b *testing.B) {
	fake := issuertest.New(b, issuerURL)
	i, err := issuer.New(issuer.Config{URL: issuerURL, Audiences: []string{issuertest.Audience}, Transport: fake})
	require.NoError(b, err)
	ctx := b.Context()
	go i.Run(ctx)
	<-i.Tried()
	token := fake.Token("alice", nil)
	for b.Loop() {
		if _, _, err := i.Verify(ctx, token); err != nil {
			b.Fatal(err)
		}
	}
}
