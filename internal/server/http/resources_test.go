package http_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// send sends a request of any method; name is what 2026-07-28 repeats in a header.
func (a *agent) send(method, name, params string) reply {
	a.e.t.Helper()
	return a.post(a.other(method, name, params))
}

func (a *agent) other(method, name, params string) string {
	a.next++
	if a.modern {
		a.header.Set("Mcp-Protocol-Version", "2026-07-28")
		a.header.Set("Mcp-Method", method)
		a.header.Set("Mcp-Name", name)
		if name == "" {
			a.header.Del("Mcp-Name")
		}
		meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
		if params != "{}" {
			meta += ","
		}
		params = "{" + meta + params[1:]
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, a.next, method, params)
}

// What there is besides tools is the same over every transport, keeps callers apart, and says of
// what is not there what the protocol's revision wants.
func TestResourcesPromptsAndCompletions(t *testing.T) {
	e := serve(t, func(e *endpoint) {
		e.Anyone, e.Callers = nil, loadCallers(t, twoCallers())
	})
	mine := e.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "alice-1", ProvisionPhone: true})
	foreign := e.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "bob-1"})
	e.sms(mine, "for alice only")
	stream := e.agent(aliceToken).stream()
	stream.ask(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}}`)

	uri := func(uuid string) string { return "ravi://identities/" + uuid + "/inbox" }
	read := func(uri string) string { return fmt.Sprintf(`{"uri":%q}`, uri) }
	for era, a := range map[string]*agent{"legacy": e.open(aliceToken), "modern": e.newest(aliceToken)} {
		for _, c := range []struct{ method, name, params, want string }{
			{"resources/list", "", `{}`, `"uri":"ravi://identities"`},
			{"resources/templates/list", "", `{}`, `"uriTemplate":"ravi://identities/{uuid}/inbox"`},
			{"resources/read", "ravi://identities", read("ravi://identities"), "alice-1"},
			{"resources/read", uri(mine.UUID), read(uri(mine.UUID)), "for alice only"},
			{"prompts/list", "", `{}`, `"sign_up"`},
			{"prompts/get", "sign_up", `{"name":"sign_up","arguments":{"service":"x.example","identity":"alice-1"}}`, mine.UUID},
			{"completion/complete", "", `{"ref":{"type":"ref/prompt","name":"sign_up"},"argument":{"name":"identity","value":""}}`, `"alice-1"`},
		} {
			r := a.send(c.method, c.name, c.params)
			require.Equal(t, http.StatusOK, r.status, "%s %s: %s", era, c.method, r.body)
			assert.Zero(t, r.code(t))
			assert.Contains(t, r.body, c.want, "%s %s", era, c.method)
			assert.NotContains(t, r.body, "bob", "%s %s", era, c.method)
			if c.method == "resources/read" && era == "modern" {
				assert.Contains(t, r.body, `"cacheScope":"private"`)
			}
		}
		status, code := http.StatusOK, -32002
		if era == "modern" {
			status, code = http.StatusBadRequest, -32602
		}
		var bodies []string
		for _, missing := range []string{uri(foreign.UUID), uri("00000000-0000-4000-8000-000000000000"), "ravi://nothing"} {
			r := a.send("resources/read", missing, read(missing))
			assert.Equal(t, status, r.status, era)
			assert.Equal(t, code, r.code(t), era)
			var m struct {
				ID    int
				Error json.RawMessage
			}
			require.NoError(t, json.Unmarshal(r.messages[0], &m), r.body)
			assert.Equal(t, a.next, m.ID)
			assert.Contains(t, string(m.Error), fmt.Sprintf(`"uri":%q`, missing))
			bodies = append(bodies, strings.ReplaceAll(string(m.Error), missing, "it"))
		}
		assert.Equal(t, bodies[0], bodies[1], "the answer does not tell which exist")
		assert.Contains(t, bodies[2], `"hint":`)
	}

	got := stream.ask(stream.a.other("resources/read", "", read(uri(mine.UUID))))
	assert.Contains(t, got[len(got)-1], "for alice only")
	got = stream.ask(stream.a.other("resources/read", "", read(uri(foreign.UUID))))
	assert.Contains(t, got[len(got)-1], `"code":-32002`)

	e.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/messages/", Status: 403, Count: -1, Body: `{"detail":"CANARY"}`})
	for _, a := range []*agent{e.open(aliceToken), e.newest(aliceToken)} {
		r := a.send("resources/read", uri(mine.UUID), read(uri(mine.UUID)))
		assert.Equal(t, http.StatusOK, r.status, "an error of the request, not of the transport")
		assert.Equal(t, -32603, r.code(t))
		assert.Contains(t, r.body, `"code":"forbidden"`)
		assert.NotContains(t, r.body, "CANARY")
	}
}
