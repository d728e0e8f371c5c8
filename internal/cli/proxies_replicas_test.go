package cli_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/ports"
	"ravi-mcp/sandbox"
)

// Behind the proxies of README.md the requests of a session reach one replica, so that a user can
// be asked; sessions and clients without one are spread over both, and go on when one replica is
// killed.
func TestReadmeProxiesKeepASessionAtItsReplica(t *testing.T) {
	eachProxy(t, func(t *testing.T, p proxy, one, several string) {
		r := startReplicas(t, "--behind-tls-proxy", "--public-url", "https://"+publicHost)
		port := ports.Free(t)
		config := p.balance(p, one, several, port)
		for n, replica := range r.all {
			address := fmt.Sprintf("10.0.0.%d:8787", n+1)
			require.Contains(t, config, address)
			config = strings.ReplaceAll(config, address, strings.TrimPrefix(replica.URL, "http://"))
		}
		front := *r
		front.all, front.client = []*harness.HTTP{harness.At(t, "http://"+publicHost)}, p.run(t, config, port)

		const sessions = 20
		var peers []*peer
		for n := range sessions {
			r.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprintf("alice-%02d", n)})
			p := front.open("alice", 0)
			peers = append(peers, p)
			asked := p.begin(0, "delete_identity", fmt.Sprintf(`{"identity":"alice-%02d"}`, n))
			require.Equal(t, http.StatusAccepted, asked.reply(0, "decline"), "session %d: the answer goes where the question came from", n)
			got := asked.end()
			assert.Equal(t, "declined", got.reason, got.body)
			require.Empty(t, p.call(0, "use_identity", fmt.Sprintf(`{"identity":"alice-%02d"}`, n)).code)
		}
		for _, replica := range r.all {
			assert.Contains(t, replica.Log(), "delete_identity", "both replicas have sessions")
		}
		newest := &peer{replicas: &front, caller: "alice"}
		require.Empty(t, newest.call(0, "list_identities", `{}`).code)

		r.all[0].Kill(t)
		harness.Eventually(t, func() bool { // until the proxy has seen it
			return !slices.ContainsFunc(peers, func(p *peer) bool { return !p.reaches(0, "get_identity", `{}`) })
		})
		for n, p := range peers {
			got := p.call(0, "get_identity", `{}`)
			assert.Equal(t, http.StatusOK, got.status, got.body)
			assert.Contains(t, got.body, fmt.Sprintf("alice-%02d", n), "the session knows its identity")
		}
		assert.Empty(t, newest.call(0, "list_identities", `{}`).code)
	})
}
