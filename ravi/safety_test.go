package ravi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func tokenClient(t testing.TB, cfg ravi.Config) *ravi.Client {
	t.Helper()
	cfg.Credentials = config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New("access-canary")}
	cfg.RetryTime = -1
	c, err := ravi.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A redirect is not followed: neither the request nor the credential reaches another place, not
// even another path of the same place.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "moved") {
				reached.Add(1)
			}
			target := evil.URL
			if status == 308 {
				target = "/moved/"
			}
			http.Redirect(w, r, target, status)
		}))
		for name, client := range map[string]*http.Client{"own": nil, "given": {CheckRedirect: nil}} {
			c := tokenClient(t, ravi.Config{BaseURL: fake.URL, HTTPClient: client})
			_, err := c.Identities(t.Context())
			require.ErrorIs(t, err, ravi.ErrUnavailable, name)
			assert.Contains(t, err.Error(), "redirect")
			assert.NotContains(t, err.Error(), evil.URL)
			_, err = c.Scope("u").Events(t.Context(), ravi.EventsConfig{})
			require.ErrorIs(t, err, ravi.ErrUnavailable, name)
		}
		fake.Close()
	}
	assert.Zero(t, reached.Load())
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	fake := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`[]`)) }))
	fake.Config.ErrorLog = log.New(io.Discard, "", 0)
	fake.StartTLS()
	defer fake.Close()
	_, err := tokenClient(t, ravi.Config{BaseURL: fake.URL}).Identities(t.Context())
	require.ErrorIs(t, err, ravi.ErrUnavailable, "self-signed")
	assert.NotContains(t, err.Error(), fake.URL)
	_, err = tokenClient(t, ravi.Config{BaseURL: fake.URL, HTTPClient: fake.Client()}).Identities(t.Context())
	require.NoError(t, err, "with its authority it is trusted")

	skip := fake.Client().Transport.(*http.Transport).Clone()
	skip.TLSClientConfig.InsecureSkipVerify = true
	_, err = ravi.New(ravi.Config{BaseURL: fake.URL, Transport: skip})
	require.Error(t, err, "no way around it")
}

// Whatever Ravi answers, errors and logs hold none of it, and no credential.
func TestErrorsAndLogsHoldNoSecret(t *testing.T) {
	t.Parallel()
	secrets := []string{"access-canary", "body-canary", "value-canary", "header-canary"}
	bodies := []string{"body-canary", `{"detail":"body-canary"}`, `{"body-canary":["body-canary"]}`, `{"error":"body-canary"}`, "<html>body-canary", `{"id":"body-canary`,
		`[{"uuid":{"body-canary":1}}]`, `{"domain":["body-canary access-canary"],"body_canary_value-canary":[1]}`}
	var out bytes.Buffer
	for _, status := range []int{200, 201, 400, 401, 402, 403, 404, 405, 409, 418, 422, 429, 500, 503} {
		for _, body := range bodies {
			w := &wire{answer: func(*http.Request) *http.Response {
				r := respond(status, body)
				r.Header.Set("X-Detail", "header-canary")
				return r
			}}
			c := tokenClient(t, ravi.Config{BaseURL: "https://ravi.test", Transport: w, Logger: zerolog.New(&out)})
			s := c.Scope("u")
			_, _, errSet := s.SetSecret(t.Context(), "KEY", secret.New("value-canary"), secret.Secret{})
			errs := []error{
				second(c.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "value-canary"})), second(c.Identities(t.Context())),
				second(s.CreatePassword(t.Context(), ravi.NewPassword{Domain: "value-canary", Password: secret.New("value-canary")})),
				second(s.Password(t.Context(), "value-canary")), second(s.EmailThread(t.Context(), "value-canary")),
				second(s.FindContact(t.Context(), "value-canary", "")), second(s.Events(t.Context(), ravi.EventsConfig{})), errSet,
			}
			for _, err := range errs {
				if err != nil {
					fmt.Fprintf(&out, "%v %+v %#v\n", err, err.Error(), err.Error())
				}
			}
		}
	}
	text := out.String()
	require.NotEmpty(t, text)
	for _, s := range secrets {
		for _, form := range []string{s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), url.QueryEscape(s), reverse(s)} {
			assert.NotContains(t, text, form)
		}
	}
	assert.NotContains(t, text, "https://")
	assert.NotContains(t, text, "json:")
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// The fields that validation refused are named, if they can be ours.
func TestRefusedFieldsAreNamed(t *testing.T) {
	t.Parallel()
	w := &wire{answer: func(*http.Request) *http.Response {
		return respond(400, `{"domain":["bad"],"detail":"x","Weird Name!":["y"],"username":["bad"]}`)
	}}
	_, err := over(t, w).Scope("u").Passwords(t.Context())
	var e *ravi.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, []string{"domain", "username"}, e.Fields)
	assert.Equal(t, "ravi: list passwords: refused by Ravi's validation (status 400) (fields: domain, username)", err.Error())
}

// An endless answer is cut off, also when it is an error.
func TestEndlessAnswersAreBounded(t *testing.T) {
	t.Parallel()
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for status, want := range map[int]error{200: ravi.ErrUnavailable, 400: ravi.ErrInvalid} {
		var wrote atomic.Int64
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			for {
				n, err := w.Write(chunk)
				wrote.Add(int64(n))
				if err != nil {
					return
				}
			}
		}))
		_, err := tokenClient(t, ravi.Config{BaseURL: fake.URL}).Identities(t.Context())
		require.ErrorIs(t, err, want)
		fake.CloseClientConnections()
		fake.Close()
		assert.Less(t, wrote.Load(), int64(64<<20))
	}
}

func TestRequestsMatchOfficialClient(t *testing.T) {
	t.Parallel()
	w := &wire{answer: func(*http.Request) *http.Response { return respond(200, `[]`) }}
	c := tokenClient(t, ravi.Config{BaseURL: "https://ravi.test", Transport: w, UserAgent: "agent/1"})
	_, err := c.Scope("abc-123").Passwords(t.Context())
	require.NoError(t, err)
	assert.Equal(t, http.Header{
		"Authorization": {"Bearer access-canary"}, "X-Ravi-Identity": {"abc-123"}, "Accept": {"application/json"},
		"Content-Type": {"application/json"}, "User-Agent": {"agent/1"},
	}, w.seen().Header)
	assert.Equal(t, "https://ravi.test/api/passwords/", w.seen().URL.String())
}

// Two accounts side by side keep to themselves: the name of a credential tells them apart, and each
// Ravi too.
func TestCredentialsHaveNames(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{Era: sandbox.EraKeys})
	ids := map[string]bool{}
	for _, creds := range []config.Credentials{
		credentialsOf(i.Account), {Scheme: config.SchemeKey, IdentityKey: secret.New("ravi_id_1")}, {Scheme: config.SchemeToken, AccessToken: secret.New("a")},
		{Scheme: config.SchemeToken, AccessToken: secret.New("a"), RefreshToken: secret.New("r")}, {Scheme: config.SchemeToken, AccessToken: secret.New("a"), UserEmail: "me@example.com"},
	} {
		c := newClient(t, i, creds)
		id := c.CredentialID()
		assert.Regexp(t, `^[0-9a-f]{32}$`, id)
		assert.Equal(t, id, newClient(t, i, creds).CredentialID())
		ids[id] = true
		other, err := ravi.New(ravi.Config{Credentials: creds, BaseURL: "https://other.test"})
		require.NoError(t, err)
		assert.NotEqual(t, id, other.CredentialID())
	}
	assert.Len(t, ids, 5)
}
