package cli_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// A person before the TypeScript SDK's client is asked whether an identity may
// be deleted, under each policy and in each way to find the protocol.
func TestAPersonBeforeARealClientDecides(t *testing.T) {
	t.Parallel()
	for mode, protocol := range map[string]string{"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"} {
		for _, c := range []struct {
			policy, answer, reason string
			asked                  int
		}{
			{"ask", "accept", "", 1},
			{"ask", "decline", "declined", 1},
			{"ask", "cancel", "cancelled", 1},
			{"ask", "nobody", "impossible", 0},
			{"deny", "accept", "policy", 0},
			{"allow", "nobody", "", 0},
		} {
			t.Run(mode+" "+c.policy+" "+c.answer, func(t *testing.T) {
				dir, node := clients(t)
				s, err := sandbox.New(sandbox.Config{})
				require.NoError(t, err)
				account, err := s.Account(sandbox.AccountConfig{})
				require.NoError(t, err)
				_, err = s.CreateIdentity(account.Email, sandbox.NewIdentity{Name: "somebody"})
				require.NoError(t, err)
				web := httptest.NewServer(s)
				defer func() {
					_ = s.Close()
					web.Close()
				}()
				env, _ := environment(t, "RAVI_BASE_URL="+web.URL, "RAVI_ACCESS_TOKEN="+account.AccessToken)
				run := runClient(t, dir, env, node, "sdk_v2_asked.mjs", mode, c.answer, binary(t), "stdio", "--delete", c.policy)
				require.Zero(t, run.code, "%s%s", run.out, run.err)
				var got struct {
					Protocol, Exception, Reason string
					IsError                     bool
					Asked                       []struct {
						Message string
						Fields  []string
					}
				}
				require.NoError(t, json.Unmarshal([]byte(run.out), &got), run.out)
				assert.Equal(t, protocol, got.Protocol)
				assert.Empty(t, got.Exception)
				assert.Equal(t, c.reason, got.Reason)
				assert.Equal(t, c.reason != "", got.IsError)
				require.Len(t, got.Asked, c.asked)
				for _, question := range got.Asked {
					assert.Contains(t, question.Message, "delete_identity")
					assert.Contains(t, question.Message, "somebody")
					assert.Equal(t, []string{"confirm"}, question.Fields)
				}
				assert.Equal(t, c.reason == "", len(s.Identities()) == 0)
			})
		}
	}
}
