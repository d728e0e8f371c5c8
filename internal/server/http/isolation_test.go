package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tenant is one client with an identity of its own, over one of the three HTTP transports.
type tenant struct {
	*agent
	stream *eventStream // of an SSE client
	name   string
	uuid   string
	cursor string
}

// do calls a tool over the tenant's transport.
func (c *tenant) do(t *testing.T, tool, arguments string) outcome {
	if c.stream == nil {
		return c.call(tool, arguments)
	}
	all := c.stream.ask(c.message(tool, arguments, ""))
	var m struct{ Result outcome }
	require.NoError(t, json.Unmarshal([]byte(all[len(all)-1]), &m))
	return m.Result
}

// own is the argument that names the tenant's identity, which only a session may leave out.
func (c *tenant) own(more string) string {
	if c.modern || rand.IntN(3) == 0 {
		more += fmt.Sprintf(`,"identity":%q`, c.uuid)
	}
	return "{" + strings.TrimPrefix(more, ",") + "}"
}

// T1, T3 and T4 at once: clients of two callers in both eras and over SSE, each with its own
// identity, call at random and try each other's sessions, cursors and uuids. No client ever gets or
// writes anything of another.
func TestTenantsAreIsolated(t *testing.T) {
	t.Parallel()
	const clients, calls = 18, 25
	e := guarded(t)
	tenants := make([]*tenant, clients)
	for i := range tenants {
		caller := []string{"alice", "bob"}[i%2]
		token := map[string]string{"alice": aliceToken, "bob": bobToken}[caller]
		c := &tenant{name: fmt.Sprintf("%s-%d", caller, i)}
		switch i % 3 {
		case 0:
			c.agent = e.open(token)
		case 1:
			c.agent = e.newest(token)
		case 2:
			c.agent = e.agent(token)
			c.stream = c.agent.stream()
			c.stream.ask(sseInitialize)
		}
		created := c.do(t, "create_identity", fmt.Sprintf(`{"name":%q}`, c.name))
		c.uuid, c.cursor = created.field(t, "identity", "uuid"), created.field(t, "cursor")
		tenants[i] = c
	}
	var wait sync.WaitGroup
	for i, c := range tenants {
		wait.Go(func() {
			for n := range calls {
				other := tenants[(i+1+2*rand.IntN(clients/2))%clients] // of the other caller
				switch rand.IntN(6) {
				case 0:
					c.do(t, "set_secret", c.own(fmt.Sprintf(`"name":"MINE","value":"%s %d"`, c.name, n)))
				case 1:
					if got := c.do(t, "get_secret", c.own(`"name":"MINE"`)); !got.IsError {
						assert.True(t, strings.HasPrefix(got.field(t, "value"), c.name+" "), "%s got %s", c.name, got.StructuredContent)
					}
				case 2:
					got := c.do(t, "get_identity", c.own(""))
					assert.Equal(t, c.uuid, got.field(t, "identity", "uuid"))
				case 3:
					got := c.do(t, "get_secret", fmt.Sprintf(`{"name":"MINE","identity":%q}`, other.uuid))
					assert.Equal(t, "identity_not_found", got.failure(t))
				case 4:
					got := c.do(t, "wait_for_otp", fmt.Sprintf(`{"cursor":%q,"timeout_seconds":1}`, other.cursor))
					assert.Equal(t, "cursor_invalid", got.failure(t))
				case 5:
					if other.session == "" || other.stream != nil {
						continue
					}
					thief := &agent{e: e, token: c.token, session: other.session, header: http.Header{}, client: c.client}
					r, err := thief.client.Do(thief.request(context.Background(), http.MethodPost, "/mcp", thief.message("get_identity", `{}`, "")))
					if assert.NoError(t, err) {
						assert.Equal(t, http.StatusNotFound, r.StatusCode)
						r.Body.Close()
					}
				}
			}
		})
	}
	wait.Wait()
	for _, c := range tenants {
		got := c.do(t, "get_identity", c.own(""))
		assert.Equal(t, c.name, got.field(t, "identity", "name"), "the session is still bound to its own")
	}
}
