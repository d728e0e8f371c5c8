package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// object is a decoded JSON object.
type object = map[string]any

// client is a plain HTTP client of one sandbox, written apart from package ravi.
type client struct {
	t        *testing.T
	ravi     *sandboxtest.Instance
	token    string
	identity string // header of the token era, ?identity= of the key era
}

// answer is a response with its body.
type answer struct {
	t      *testing.T
	Status int
	Header http.Header
	Body   []byte
}

func (a answer) object() object {
	a.t.Helper()
	var v object
	require.NoError(a.t, json.Unmarshal(a.Body, &v), "body: %s", a.Body)
	return v
}

func (a answer) list() []object {
	a.t.Helper()
	v := []object{}
	require.NoError(a.t, json.Unmarshal(a.Body, &v), "body: %s", a.Body)
	require.NotNil(a.t, v)
	return v
}

// is checks the status and returns the answer.
func (a answer) is(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.Status, "body: %s", a.Body)
	return a
}

func (c client) request(method, path string, body any) *http.Request {
	c.t.Helper()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		require.NoError(c.t, err)
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.ravi.URL+path, r)
	require.NoError(c.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.identity != "" && c.ravi.Server.Era() == sandbox.EraTokens {
		req.Header.Set("X-Ravi-Identity", c.identity)
	}
	if c.identity != "" && c.ravi.Server.Era() == sandbox.EraKeys {
		q := req.URL.Query()
		q.Set("identity", c.identity)
		req.URL.RawQuery = q.Encode()
	}
	return req
}

func (c client) do(method, path string, body any) answer {
	c.t.Helper()
	return c.send(c.request(method, path, body))
}

func (c client) send(req *http.Request) answer {
	c.t.Helper()
	hc := *c.ravi.Client
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := hc.Do(req)
	require.NoError(c.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	if len(b) > 0 && res.StatusCode != 404 && res.StatusCode != 301 {
		assert.Equal(c.t, "application/json", res.Header.Get("Content-Type"))
	}
	return answer{c.t, res.StatusCode, res.Header, b}
}

func (c client) get(path string) answer             { c.t.Helper(); return c.do("GET", path, nil) }
func (c client) post(path string, body any) answer  { c.t.Helper(); return c.do("POST", path, body) }
func (c client) patch(path string, body any) answer { c.t.Helper(); return c.do("PATCH", path, body) }
func (c client) delete(path string) answer          { c.t.Helper(); return c.do("DELETE", path, nil) }
func (c client) as(identity string) client          { c.identity = identity; return c }

// start makes a sandbox in memory and a client with the account's credential.
func start(t *testing.T, cfg sandbox.Config) (*sandboxtest.Instance, client) {
	t.Helper()
	r := sandboxtest.Memory(t, cfg)
	token := r.Account.AccessToken
	if r.Server.Era() == sandbox.EraKeys {
		token = r.Account.ManagementKey
	}
	return r, client{t: t, ravi: r, token: token}
}

// eachEra runs a test in both eras; c is about a new identity with a number.
func eachEra(t *testing.T, cfg sandbox.Config, test func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo)) {
	t.Helper()
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			cfg.Era = era
			r, c := start(t, cfg)
			id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "shop-agent", ProvisionPhone: true})
			test(t, r, c.as(id.UUID), id)
		})
	}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	require.NoError(t, err)
	return n
}
