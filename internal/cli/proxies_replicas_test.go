package cli_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// routed makes a whole configuration of the blocks of README.md for one server and for several.
var routed = map[string]func(one, several string, wrap func(block, port string) string, port string) string{
	"nginx": func(one, several string, wrap func(string, string) string, port string) string {
		all := wrap(strings.Replace(one, "http://127.0.0.1:8787", "http://ravi", 1), port)
		return strings.Replace(all, "\nserver {", "\n"+several+"server {", 1)
	},
	"caddy": func(_, several string, wrap func(string, string) string, port string) string {
		return wrap(several, port)
	},
}

// Behind the proxies of README.md the requests of a session reach one replica, so that a person can be asked; sessions and
// clients without one are spread over both, and go on when one replica is killed.
func TestTheRoutingOfTheReadmeKeepsASessionAtItsReplica(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	for name, proxy := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program, err := exec.LookPath(proxy.program)
			if err != nil {
				t.Skip(proxy.program + " is not installed: " + proxy.install)
			}
			blocks := regexp.MustCompile("(?s)\n```"+name+"\n(.*?)```").FindAllSubmatch(readme, -1)
			require.Len(t, blocks, 2, "a configuration for one server and one for several")
			r := startReplicas(t, "--behind-tls-proxy", "--public-url", "https://"+publicHost)
			port := freePort(t)
			config := routed[name](string(blocks[0][1]), string(blocks[1][1]), proxy.wrap, port)
			for n, replica := range r.all {
				address := fmt.Sprintf("10.0.0.%d:8787", n+1)
				require.Contains(t, config, address)
				config = strings.ReplaceAll(config, address, strings.TrimPrefix(replica.url, "http://"))
			}
			file := filepath.Join(t.TempDir(), "proxy.conf")
			require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
			runProxy(t, program, proxy.args(file), t.TempDir(), "127.0.0.1:"+port)
			front := *r
			front.all, front.client = []*remote{{t: t, url: "http://" + publicHost}}, clientOf(t, "127.0.0.1:"+port)

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
				assert.Contains(t, replica.said(), "delete_identity", "both replicas have sessions")
			}
			newest := &peer{replicas: &front, caller: "alice"}
			require.Empty(t, newest.call(0, "list_identities", `{}`).code)

			require.NoError(t, r.all[0].cmd.Process.Kill())
			<-r.all[0].done
			require.Eventually(t, func() bool { // until the proxy has seen it
				for _, p := range peers {
					if p.call(0, "get_identity", `{}`).status != http.StatusOK {
						return false
					}
				}
				return true
			}, 20*time.Second, 100*time.Millisecond)
			for n, p := range peers {
				got := p.call(0, "get_identity", `{}`)
				assert.Equal(t, http.StatusOK, got.status, got.body)
				assert.Contains(t, got.body, fmt.Sprintf("alice-%02d", n), "the session knows its identity")
			}
			assert.Empty(t, newest.call(0, "list_identities", `{}`).code)
		})
	}
}
