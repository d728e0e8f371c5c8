package cli_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
)

// asked is one kind of decision: the calls that come to it, and what must have happened once it was
// allowed.
type asked struct {
	kind, tool, calls string
	about             string // a word of the question
	done              func(s *sandbox.Server, result string) bool
}

var decisions = []asked{
	{
		kind: "delete", tool: "delete_identity", about: "amber",
		calls: `[{"name":"delete_identity","arguments":{"identity":"amber"}}]`,
		done:  func(s *sandbox.Server, _ string) bool { return len(s.Identities()) == 0 },
	},
	{
		kind: "cleanup", tool: "cleanup_identities", about: "amber",
		calls: `[{"name":"cleanup_identities","arguments":{"prefixes":["amber-"],"min_age_minutes":0}},
			{"name":"cleanup_identities","arguments":{"token":"$token"}}]`,
		done: func(s *sandbox.Server, _ string) bool { return len(s.Identities()) == 1 },
	},
	{
		kind: "reveal", tool: "get_secret", about: "API_KEY",
		calls: `[{"name":"set_secret","arguments":{"identity":"amber","name":"API_KEY","value":"kept-value"}},
			{"name":"get_secret","arguments":{"identity":"amber","name":"API_KEY"}}]`,
		done: func(_ *sandbox.Server, result string) bool { return strings.Contains(result, "kept-value") },
	},
	{
		kind: "send", tool: "send_email", about: "new@elsewhere.example",
		calls: `[{"name":"send_email","arguments":{"identity":"amber","to":"new@elsewhere.example","subject":"Hello","body":"Good day"}}]`,
		done: func(s *sandbox.Server, _ string) bool {
			return s.CountRequests(http.MethodPost, "/api/email-messages/compose/") > 0
		},
	},
}

// The user of a client of the TypeScript SDK is asked, under each policy, for each kind of decision
// and in each way to find the protocol.
func TestUserOfARealClientDecides(t *testing.T) {
	t.Parallel()
	for mode, protocol := range map[string]string{"legacy": "2025-11-25", "auto": "2026-07-28", "2026-07-28": "2026-07-28"} {
		for _, c := range []struct {
			policy, answer, reason string
			questions              int
		}{
			{"ask", "accept", "", 1},
			{"ask", "decline", "declined", 1},
			{"ask", "cancel", "cancelled", 1},
			{"ask", "unable", "impossible", 0},
			{"deny", "accept", "policy", 0},
			{"allow", "unable", "", 0},
		} {
			for _, d := range decisions {
				// Every kind is decided by the same code; a process of Node costs a second.
				if d.kind != "delete" && (mode == "auto" || c.answer == "cancel" || c.answer == "decline" || c.policy == "allow") {
					continue
				}
				t.Run(strings.Join([]string{mode, d.kind, c.policy, c.answer}, " "), func(t *testing.T) {
					d.decide(t, mode, protocol, c.policy, c.answer, c.reason, c.questions)
				})
			}
		}
	}
}

// identities are those that exist at Ravi; the cleanup is of one of two.
func (d asked) identities() []string {
	if d.kind == "cleanup" {
		return []string{"amber", "amber-second"}
	}
	return []string{"amber"}
}

func (d asked) decide(t *testing.T, mode, protocol, policy, answer, reason string, questions int) {
	dir, node := clients(t)
	s, err := sandbox.New(sandbox.Config{})
	require.NoError(t, err)
	account, err := s.Account(sandbox.AccountConfig{})
	require.NoError(t, err)
	for _, name := range d.identities() {
		_, err = s.CreateIdentity(account.Email, sandbox.NewIdentity{Name: name})
		require.NoError(t, err)
	}
	web := httptest.NewServer(s)
	defer func() {
		_ = s.Close()
		web.Close()
	}()
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+web.URL, "RAVI_ACCESS_TOKEN="+account.AccessToken)
	run := runClient(t, dir, env, node, "sdk_v2_asked.mjs", mode, answer, d.calls,
		harness.Binary(t), "stdio", "--toolsets", "default,extra,mail", "--"+d.kind, policy)
	require.Zero(t, run.code, "%s%s", run.out, run.err)
	var got struct {
		Protocol, Exception, Reason string
		IsError                     bool
		Result                      json.RawMessage
		Asked                       []struct {
			Message string
			Fields  []string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(run.out), &got), run.out)
	assert.Equal(t, protocol, got.Protocol)
	assert.Empty(t, got.Exception)
	assert.Equal(t, reason, got.Reason)
	assert.Equal(t, reason != "", got.IsError)
	require.Len(t, got.Asked, questions)
	for _, question := range got.Asked {
		assert.Contains(t, question.Message, d.tool)
		assert.Contains(t, question.Message, d.about)
		assert.Equal(t, []string{"confirm"}, question.Fields)
	}
	assert.Equal(t, reason == "", d.done(s, string(got.Result)), "what was to be decided about has happened")
}
