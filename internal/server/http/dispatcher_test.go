package http_test

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/session"
)

// Whatever a client sends, the dispatcher answers as mcp-go does: in status, header and content.
func TestDispatcherAnswersLikeTheLibrary(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Callers = loadCallers(t, twoCallers()) })
	e.open(aliceToken).call("create_identity", `{"name":"alice-<main>"}`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	library := &mcphttp.Server{MCP: e.MCP, Sessions: e.sessions, Callers: e.Server.Callers}
	library.Hosts, library.Origins = mcphttp.LocalNames(l.Addr(), false)
	web := &httptest.Server{Listener: l, Config: &http.Server{Handler: library.Handler()}}
	web.Start()
	t.Cleanup(web.Close)

	const version, capabilities = `"io.modelcontextprotocol/protocolVersion":"2026-07-28"`, `"io.modelcontextprotocol/clientCapabilities":`
	const modern = version + `,` + capabilities + `{}`
	call := func(params string) string {
		return `{"jsonrpc":"2.0","id":"a\u0062\"","method":"tools/call","params":{` + params + `}}`
	}
	const mine = `"name":"get_identity","arguments":{"identity":"alice-<main>"}`
	for name, c := range map[string]struct {
		legacy, modern string
		header         http.Header
	}{
		"a call":                 {legacy: mine, modern: mine},
		"a call that fails":      {legacy: `"name":"get_identity","arguments":{"identity":"alice-none"}`, modern: `"name":"get_identity","arguments":{"identity":"alice-none"}`},
		"wrong arguments":        {legacy: `"name":"get_identity","arguments":{"identity":7}`, modern: `"name":"get_identity","arguments":{"identity":[]}`},
		"no arguments":           {legacy: `"name":"get_identity"`, modern: `"name":"get_identity"`},
		"null arguments":         {legacy: `"name":"get_identity","arguments":null`, modern: `"name":"get_identity","arguments":null`},
		"arguments in a list":    {legacy: `"name":"get_identity","arguments":[]`, modern: `"name":"get_identity","arguments":"x"`},
		"a number out of range":  {legacy: `"name":"get_identity","arguments":{"identity":1e999}`, modern: `"name":"get_identity","arguments":{"identity":1e999}`},
		"no name":                {legacy: `"arguments":{}`, modern: `"arguments":{}`},
		"a number for a name":    {legacy: `"name":5`, modern: `"name":5`},
		"an escaped name":        {legacy: `"name":"get_\u0069dentity"`, modern: `"name":"get_\u0069dentity"`},
		"a tool that is none":    {legacy: `"name":"get_<b>"`, modern: `"name":"get_none"`},
		"a task":                 {legacy: mine + `,"task":{"ttl":1}`, modern: mine + `,"task":5`},
		"answers to no question": {legacy: mine + `,"inputResponses":{},"requestState":"x"`, modern: mine + `,"inputResponses":5`},
		"a null _meta":           {legacy: mine + `,"_meta":null`},
		"a list for _meta":       {legacy: mine + `,"_meta":[]`},
		"a progress token":       {legacy: mine + `,"_meta":{"progressToken":1}`},
		"an older version":       {legacy: mine + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2025-06-18"}`},
		"a version in _meta":     {legacy: mine + `,"_meta":{` + modern + `}`},
		"a version header":       {legacy: mine, header: http.Header{"Mcp-Protocol-Version": {"2025-03-26"}}},
		"an unknown header":      {legacy: mine, header: http.Header{"Mcp-Protocol-Version": {"2025-01-01"}}},
		"a newest header":        {legacy: mine, header: http.Header{"Mcp-Protocol-Version": {"2026-07-28"}}},
		"a future header":        {modern: mine, header: http.Header{"Mcp-Protocol-Version": {"2027-01-01"}}},
		"no version header":      {modern: mine, header: http.Header{"Mcp-Protocol-Version": nil}},
		"an older header":        {modern: mine, header: http.Header{"Mcp-Protocol-Version": {"2025-11-25"}}},
		"no method header":       {modern: mine, header: http.Header{"Mcp-Method": nil}},
		"another method header":  {modern: mine, header: http.Header{"Mcp-Method": {"tools/list"}}},
		"no name header":         {modern: mine, header: http.Header{"Mcp-Name": nil}},
		"another name header":    {modern: mine, header: http.Header{"Mcp-Name": {"delete_identity"}}},
		"an encoded name header": {modern: mine, header: http.Header{"Mcp-Name": {"=?base64?Z2V0X2lkZW50aXR5?="}}},
		"resumed":                {modern: mine, header: http.Header{"Last-Event-Id": {"1"}}},
		"no capabilities":        {modern: mine + `,"_meta":{` + version + `}`},
		"capabilities in a list": {modern: mine + `,"_meta":{` + version + `,` + capabilities + `[]}`},
		"odd capabilities":       {modern: mine + `,"_meta":{` + version + `,` + capabilities + `{"elicitation":5}}`},
		"many capabilities":      {modern: mine + `,"_meta":{` + version + `,` + capabilities + `{"elicitation":{"form":{}},"roots":{}}}`},
		"an unknown version":     {modern: mine + `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2027-01-01",` + capabilities + `{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			for era, params := range map[string]string{"2025-11-25": c.legacy, "2026-07-28": c.modern} {
				if params == "" {
					continue
				}
				a := e.agent(aliceToken)
				if era == "2026-07-28" {
					a.header = http.Header{"Mcp-Protocol-Version": {era}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {"get_identity"}}
					if !strings.Contains(params, `"_meta"`) {
						params += `,"_meta":{` + modern + `}`
					}
				} else {
					a = e.open(aliceToken)
				}
				maps.Copy(a.header, c.header)
				got := a.post(call(params))
				request := a.request(t.Context(), http.MethodPost, "/mcp", call(params))
				request.URL.Host, request.Host = l.Addr().String(), ""
				want := a.do(request)
				assert.Equal(t, want.status, got.status, era)
				assert.Equal(t, want.header.Get("Content-Type"), got.header.Get("Content-Type"), era)
				require.Len(t, got.messages, 1, era)
				if json.Valid(want.messages[0]) {
					assert.JSONEq(t, string(want.messages[0]), string(got.messages[0]), era)
				} else {
					assert.Equal(t, want.body, got.body, era)
				}
			}
		})
	}
}

// A caller for whom a tool does not exist learns nothing more of it from the dispatcher.
func TestDispatcherTakesNoForbiddenTool(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) {
		e.Anyone = &session.Caller{Name: "reader", Rights: session.Rights{ReadOnly: true, Toolsets: []string{"identity"}}}
	})
	for _, a := range []*agent{e.open(""), e.newest("")} {
		for _, tool := range []string{"create_identity", "list_messages", "none"} {
			r := a.post(a.message(tool, `{"name":"x"}`, ""))
			assert.Equal(t, -32602, r.code(t), tool)
			assert.Contains(t, r.body, "not found")
		}
		assert.False(t, a.call("list_identities", `{}`).IsError)
	}
}

// docs/mcp-go.md#trap-2: a session cancels its own call and no other's.
func TestOnlyItsSessionCancelsAWait(t *testing.T) {
	t.Parallel()
	e := serve(t, nil)
	e.open("").call("create_identity", `{"name":"main"}`)
	begin := func(a *agent) chan reply {
		done := make(chan reply, 1)
		r := a.request(t.Context(), http.MethodPost, "/mcp", a.message("wait_for_otp", `{"identity":"main","timeout_seconds":50}`, `"progressToken":1`))
		go func() {
			if response, err := a.client.Do(r); assert.NoError(t, err) {
				done <- read(t, response)
			}
		}()
		return done
	}
	mine, other := e.open(""), e.open("")
	first, second := begin(mine), begin(other)
	require.Eventually(t, func() bool { return e.hub.Stats().Waits == 2 }, 5*time.Second, time.Millisecond)

	third := e.open("")
	for _, id := range []string{"1", `"1"`, "null", "{}"} {
		third.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
	}
	third.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"1"}}`)
	mine.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	assert.Contains(t, (<-first).body, "cancelled")
	assert.Equal(t, 1, e.hub.Stats().Waits, "no other call has ended")
	other.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	assert.Contains(t, (<-second).body, "cancelled")
}
