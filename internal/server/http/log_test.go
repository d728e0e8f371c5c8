package http_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O2: over HTTP too, the log at its lowest level says that something was called, and never with
// what, by which token, in which session, or with which result.
func TestLogHoldsNoBodies(t *testing.T) {
	t.Parallel()
	e := guarded(t)
	clients := map[string]func(tool, arguments string) string{}
	old, young, sse := e.open(aliceToken), e.newest(aliceToken), e.agent(aliceToken)
	stream := sse.stream()
	stream.ask(sseInitialize)
	for name, a := range map[string]*agent{"session": old, "2026-07-28": young} {
		clients[name] = func(tool, arguments string) string { return a.post(a.message(tool, arguments, "")).body }
	}
	clients["sse"] = func(tool, arguments string) string {
		all := stream.ask(sse.message(tool, arguments, ""))
		return all[len(all)-1]
	}
	old.call("create_identity", `{"name":"alice-1"}`)
	for name, call := range clients {
		call("set_secret", `{"identity":"alice-1","name":"KEY","value":"CANARY-value"}`)
		require.Contains(t, call("get_secret", `{"identity":"alice-1","name":"KEY"}`), "CANARY-value", name)
		call("CANARY-tool", `{"CANARY-key":"CANARY-value"}`)
		call("get_secret", `{"CANARY-key":"CANARY-value"}`)
	}
	for _, body := range []string{`{"CANARY":`, `["CANARY"]`, `{"jsonrpc":"2.0","id":"CANARY","method":"CANARY/CANARY"}`, `{"jsonrpc":"2.0","id":1,"METHOD":"CANARY"}`} {
		for _, a := range []*agent{old, young} {
			a.post(body)
		}
		stream.post(body)
	}
	strange := old.request(t.Context(), http.MethodGet, "/CANARY?q=CANARY", "")
	strange.Header.Set("X-Canary", "CANARY")
	strange.Header.Set("Origin", "https://CANARY.example")
	old.do(strange)

	log := e.log.String()
	require.Contains(t, log, `"level":"debug"`)
	require.Contains(t, log, "tools/call get_secret")
	for _, secret := range []string{"CANARY", "canary", aliceToken, old.session, fmt.Sprintf("%q", stream.endpoint)} {
		assert.NotContains(t, log, secret)
	}
}
