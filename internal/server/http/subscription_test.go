package http_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// docs/mcp-go.md#trap-11: this server has nothing to tell a listener. The acknowledgement says so,
// as the first message always, and then the stream ends, as the protocol wants it.
func TestSubscriptionIsAcknowledgedFirst(t *testing.T) {
	t.Parallel()
	e := serve(t, func(e *endpoint) { e.Limits.Rate = -1 })
	var wait sync.WaitGroup
	for client := range 8 {
		wait.Go(func() {
			a := e.newest("")
			a.header.Set("Mcp-Protocol-Version", "2026-07-28")
			a.header.Set("Mcp-Method", "subscriptions/listen")
			for n := range 100 {
				got := a.post(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":{"notifications":`+
					`{"toolsListChanged":true,"resourceSubscriptions":["ravi://x"]},%s}}`, n, modernMeta))
				assert.Equal(t, http.StatusOK, got.status)
				if !assert.Len(t, got.messages, 2, "client %d, listener %d: %s", client, n, got.body) {
					return
				}
				assert.Contains(t, string(got.messages[0]), `"notifications/subscriptions/acknowledged"`)
				assert.Contains(t, string(got.messages[0]), `"notifications":{}`, "nothing is promised")
				assert.Contains(t, string(got.messages[1]), `"resultType":"complete"`)
			}
		})
	}
	wait.Wait()
	s := e.agent("").stream()
	for n := range 20 {
		all := s.ask(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},%s}}`, n, modernMeta))
		assert.Len(t, all, 2, "over SSE: %q", all)
		assert.Contains(t, all[0], fmt.Sprintf(`"io.modelcontextprotocol/subscriptionId":%d`, n))
	}
}
