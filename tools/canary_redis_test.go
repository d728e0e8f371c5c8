package tools_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
	"ravi-mcp/session/redisstore"
)

// canaryToken is the token of the caller who comes over HTTP.
const canaryToken = "rmcp_CANARY-0123456789-0123456789-0123456789"

// Replicas share a Redis, which others may read or back up. After every tool was called, a person
// was asked and a client came over HTTP, it holds no credential, key, token, value or message, in
// no encoding.
func TestNothingInRedisTellsASecretOrAMessage(t *testing.T) {
	for name, pin := range map[string]string{"plaintext account": "", "encrypted account": "123456"} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			store, err := redisstore.Open(redisstore.Config{URL: secret.New(redis.URL()), Timeout: time.Minute})
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, store.Close()) })
			h := newSystem(t, sandbox.Config{})
			h.seal(pin)
			h.deps.Store, h.deps.Resolver.Store = store, store
			leases := &lease.Manager{Account: h.account, Store: store, Registry: store, Sealer: h.sealer, Persistent: true}
			h.deps.Leases, h.deps.Resolver.Leases = leases, leases
			all := runCanaries(t, h)

			h.deps.Now = nil
			asked := canAsk["modern"](h, local(), yes)
			ok[created](t, asked.call("create_identity", args{"name": "dev-1"}))
			token := ok[cleaned](t, asked.call("cleanup_identities", now)).Token
			require.NotEmpty(t, token)
			ok[ephemeral](t, asked.call("create_identity", args{"name": "task", "ephemeral": true}))
			ok[map[string]any](t, asked.put("cleanup_identities", args{"token": token}))
			all = append(all, token, canaryToken, h.overHTTP(store))

			dump := redistest.Dump(t, redis)
			kinds := map[string]bool{}
			for key, value := range dump {
				assertNone(t, key+" "+value.Text, "Redis at "+key, all...)
				kinds[strings.Split(key, ":")[1]] = true
			}
			for _, kind := range []string{"state", "order", "about", "made", "once", "session", "lease", "leases", "leaseof", "leasename"} {
				assert.True(t, kinds[kind], "no %s was kept, so there was nothing to look at", kind)
			}
		})
	}
}

// overHTTP lets a caller with a token store a value in a session that Redis keeps, and returns the
// id of the session.
func (h *system) overHTTP(store *redisstore.Store) string {
	h.t.Helper()
	s, err := server.New(server.Config{Version: "test", Deps: h.deps})
	require.NoError(h.t, err)
	table := &redisstore.Sessions{Store: store}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); table.Run(ctx) }()
	web := &mcphttp.Server{MCP: s.Server, Dispatcher: s.Dispatcher, Sessions: table, Callers: bearer{}, Hosts: []string{"ravi.test"}}
	h.t.Cleanup(func() {
		web.Close()
		stop()
		<-ended
	})
	post := func(id, body string) *httptest.ResponseRecorder {
		ctx := context.WithValue(h.t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80})
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://ravi.test/mcp", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+canaryToken)
		if id != "" {
			r.Header.Set("Mcp-Session-Id", id)
		}
		w := httptest.NewRecorder()
		web.Handler().ServeHTTP(w, r)
		require.Equal(h.t, http.StatusOK, w.Code, w.Body)
		return w
	}
	id := post("", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"story","version":"1"}}}`).Header().Get("Mcp-Session-Id")
	require.NotEmpty(h.t, id)
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"use_identity","arguments":{"identity":"canary"}}}`,
		fmt.Sprintf(`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"set_secret","arguments":{"name":"HTTP","value":%q}}}`, canarySecret),
	} {
		require.NotContains(h.t, post(id, body).Body.String(), `"isError":true`)
	}
	return id
}

// bearer knows one caller.
type bearer struct{}

func (bearer) Authenticate(_ context.Context, token string) (*session.Caller, time.Time, error) {
	if token != canaryToken {
		return nil, time.Time{}, nil
	}
	return &session.Caller{Name: "CANARY-caller"}, time.Time{}, nil
}
