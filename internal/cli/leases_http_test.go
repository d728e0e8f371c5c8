package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
)

// age makes the journals older, while no server runs.
func age(t *testing.T, journals []string, by time.Duration) {
	t.Helper()
	for _, path := range journals {
		if !strings.HasSuffix(path, ".jsonl") {
			continue
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		var older strings.Builder
		for line := range strings.Lines(string(text)) {
			var record map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &record))
			for _, field := range []string{"intended", "expires"} {
				if at, ok := record[field].(string); ok {
					then, err := time.Parse(time.RFC3339Nano, at)
					require.NoError(t, err)
					record[field] = then.Add(-by)
				}
			}
			again, err := json.Marshal(record)
			require.NoError(t, err)
			fmt.Fprintf(&older, "%s\n", again)
		}
		require.NoError(t, os.WriteFile(path, []byte(older.String()), 0o600))
	}
}

// Over HTTP an ephemeral identity ends by its time to live only: no end of a session, of the server
// or of a server beside it deletes it earlier, however the server ended, and whichever server comes
// next deletes it then (T7).
func TestEphemeralIdentityOverHTTPEndsByTTLOnly(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		for _, next := range []string{"http", "stdio"} {
			t.Run(name+", then "+next, func(t *testing.T) {
				t.Parallel()
				ravi, env, journals := leaseEnvironment(t)
				first := harness.StartHTTP(t, env)
				response, _ := first.Post(http.DefaultClient, "", "", harness.InitializeMessage)
				session := response.Header.Get("Mcp-Session-Id")
				_, made := first.Post(http.DefaultClient, "", session, harness.ToolMessage(1, "create_identity", `{"name":"task","ephemeral":true}`))
				require.Contains(t, made, `"ephemeral":true`)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, first.URL+"/mcp", nil)
				require.NoError(t, err)
				request.Header.Set("Mcp-Session-Id", session)
				gone, err := http.DefaultClient.Do(request)
				require.NoError(t, err)
				require.NoError(t, gone.Body.Close())
				assert.Less(t, gone.StatusCode, 300)
				assert.Equal(t, []string{"kept", "task"}, identityNames(ravi), "the session's end is not its end")

				beside := harness.StartStdio(t, env, "stdio")
				harness.Must[args](t, beside, "create_identity", args{"name": "mine", "ephemeral": true})
				harness.Must[args](t, beside, "get_identity", args{}) // so it is not a process for one call
				require.NoError(t, first.Signal(end))
				<-first.Ended
				_, err = beside.Close()
				require.NoError(t, err)
				assert.Equal(t, []string{"kept", "task"}, identityNames(ravi), "the server's end is not its end")
				require.Len(t, journals(), 2)

				age(t, journals(), 2*time.Hour)
				if next == "http" {
					harness.StartHTTP(t, env)
				} else {
					harness.StartStdio(t, env, "stdio")
				}
				harness.Eventually(t, func() bool { return len(identityNames(ravi)) == 1 && len(journals()) == 0 })
				assert.Equal(t, []string{"kept"}, identityNames(ravi))
			})
		}
	}
}
