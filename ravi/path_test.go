package ravi_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
)

// wire is a transport that keeps the last request and answers with a text.
type wire struct {
	answer func(*http.Request) *http.Response

	mu   sync.Mutex
	last *http.Request
}

func (w *wire) seen() *http.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.last = req
	w.mu.Unlock()
	if w.answer != nil {
		return w.answer(req), nil
	}
	return respond(200, `{}`), nil
}

func respond(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// over returns a client of the token scheme over a transport.
func over(t testing.TB, transport http.RoundTripper) *ravi.Client {
	t.Helper()
	c, err := ravi.New(ravi.Config{
		Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New("access-canary")},
		BaseURL:     "https://ravi.test", Transport: transport,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// byID are all calls that put an identifier of a caller into the path.
var byID = map[string]func(context.Context, *ravi.Client, string) error{
	"/api/identities/{}/": func(ctx context.Context, c *ravi.Client, id string) error { return c.DeleteIdentity(ctx, id) },
	"/api/identities/{}/provision-phone/": func(ctx context.Context, c *ravi.Client, id string) error {
		return second(c.ProvisionPhone(ctx, id, ""))
	},
	"/api/email-inbox/{}/": func(ctx context.Context, c *ravi.Client, id string) error {
		return second(c.Scope("u").EmailThread(ctx, id))
	},
	"/api/sms-inbox/{}/": func(ctx context.Context, c *ravi.Client, id string) error {
		return second(c.Scope("u").SMSConversation(ctx, id))
	},
	"/api/passwords/{}/": func(ctx context.Context, c *ravi.Client, id string) error {
		return c.Scope("u").DeletePassword(ctx, id)
	},
	"/api/contacts/{}/": func(ctx context.Context, c *ravi.Client, id string) error { return c.Scope("u").DeleteContact(ctx, id) },
}

func second[T any](_ T, err error) error { return err }

// No identifier, whatever it contains, makes a request to another path, adds a query or a header,
// or reaches the network in a form that could be resolved.
func TestIdentifiersCannotChangePath(t *testing.T) {
	t.Parallel()
	nasty := []string{"../identities", "..%2fidentities", "%2e%2e", "a/../../b", "a?x=1", "a#b", "1_+15559876543", "<id@host>",
		"a\r\nX-Evil: 1", "a\x00b", "", ".", "..", "a b", "ä", "%", "%zz", "\\..\\", "a;b", "a//b", strings.Repeat("x", 2000)}
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.OneOf(rapid.String(), rapid.SampledFrom(nasty), rapid.StringMatching(`[./%\\?#+<>@a-f0-9]{1,12}`)).Draw(rt, "id")
		for template, call := range byID {
			w := &wire{}
			c := over(t, w)
			err := call(t.Context(), c, id)
			if w.seen() == nil {
				require.ErrorIs(rt, err, ravi.ErrInvalid)
				continue
			}
			if template == "/api/identities/{}/provision-phone/" && w.seen().Method == http.MethodGet {
				continue // the empty answer is followed by a look at the identity
			}
			prefix, suffix, _ := strings.Cut(template, "{}")
			sent := w.seen().URL.EscapedPath()
			require.True(rt, strings.HasPrefix(sent, prefix) && strings.HasSuffix(sent, suffix), sent)
			segment := sent[len(prefix) : len(sent)-len(suffix)]
			require.NotContains(rt, segment, "/")
			require.NotContains(rt, segment, "+")
			decoded, err := url.PathUnescape(segment)
			require.NoError(rt, err)
			require.Equal(rt, id, decoded)
			for _, part := range strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
				require.NotContains(rt, []string{".", ".."}, part)
			}
			require.Empty(rt, w.seen().URL.RawQuery)
			require.Equal(rt, "ravi.test", w.seen().URL.Host)
			require.Equal(rt, sent, w.seen().URL.RequestURI())
		}
	})
}

func TestOrdinaryIdentifiersAreAccepted(t *testing.T) {
	t.Parallel()
	w := &wire{answer: func(*http.Request) *http.Response { return respond(200, `{"messages":[]}`) }}
	c := over(t, w)
	for id, want := range map[string]string{
		"<CAF+x/y=z@mail.example.com>": "/api/email-inbox/%3CCAF%2Bx%2Fy%3Dz%40mail.example.com%3E/",
		"abc-123":                      "/api/email-inbox/abc-123/",
		"..a":                          "/api/email-inbox/..a/",
	} {
		_, err := c.Scope("u").EmailThread(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, want, w.seen().URL.RequestURI())
	}
}

// A uuid of an identity goes into a header or a query: nothing but a uuid's characters may.
func TestIdentityHeaderIsChecked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		uuid := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a\r\nX: y", "a b", "ä", "u,v", "abc-123"})).Draw(rt, "uuid")
		w := &wire{answer: func(*http.Request) *http.Response { return respond(200, `[]`) }}
		_, err := over(t, w).Scope(uuid).Passwords(t.Context())
		if w.seen() == nil {
			require.ErrorIs(rt, err, ravi.ErrInvalid)
			return
		}
		require.Regexp(rt, `^[A-Za-z0-9_-]+$`, w.seen().Header.Get("X-Ravi-Identity"))
		require.Equal(rt, uuid, w.seen().Header.Get("X-Ravi-Identity"))
	})
}

func TestBaseURLIsHTTPSOrigin(t *testing.T) {
	t.Parallel()
	for base, ok := range map[string]bool{
		"https://ravi.app": true, "https://ravi.app/": true, "https://ravi.app/api/": true, "https://proxy.example/ravi": true,
		"http://127.0.0.1:8080": true, "http://localhost:1": true, "http://[::1]:1": true, "http://ravi.test": true,
		"http://ravi.app": false, "http://10.0.0.1": false, "ftp://ravi.app": false, "ravi.app": false, "https://": false,
		"https://user:pw@ravi.app": false, "https://ravi.app?x=1": false, "https://ravi.app#x": false, "mailto:x": false, "": true,
	} {
		_, err := ravi.New(ravi.Config{BaseURL: base})
		assert.Equal(t, ok, err == nil, "%q: %v", base, err)
	}
	w := &wire{answer: func(*http.Request) *http.Response { return respond(200, `[]`) }}
	c, err := ravi.New(ravi.Config{Credentials: config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New("k")},
		BaseURL: "https://proxy.example/ravi/api/", Transport: w})
	require.NoError(t, err)
	_, err = c.Identities(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "https://proxy.example/ravi/api/identities/", w.seen().URL.String())
}
