package cli_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// asking is a call of a session whose user was asked.
type asking struct {
	p        *peer
	response *http.Response
	lines    *bufio.Scanner
	id       json.RawMessage
}

// begin calls a tool and reads its stream up to the question.
func (p *peer) begin(at int, tool, arguments string) *asking {
	p.t.Helper()
	a := &asking{p: p}
	var err error
	a.response, err = p.client.Do(p.toolCall(at, tool, arguments, ""))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { a.response.Body.Close() })
	a.lines = bufio.NewScanner(a.response.Body)
	for a.lines.Scan() {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if data, ok := strings.CutPrefix(a.lines.Text(), "data: "); ok {
			require.NoError(p.t, json.Unmarshal([]byte(data), &m))
			require.Equal(p.t, "elicitation/create", m.Method, data)
			a.id = m.ID
			return a
		}
	}
	require.Fail(p.t, "there was no question")
	return nil
}

// reply answers the question at a replica and returns the status.
func (a *asking) reply(at int, action string) int {
	a.p.t.Helper()
	return a.p.post(at, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":%q,"content":{"confirm":true}}}`, a.id, action)).status
}

// end reads the answer of the call.
func (a *asking) end() answered {
	a.p.t.Helper()
	var text strings.Builder
	for a.lines.Scan() {
		text.WriteString(a.lines.Text() + "\n")
	}
	got := answered{status: a.response.StatusCode, header: a.response.Header, body: text.String()}
	got.parse(a.p.t)
	return got
}

// A yes that reaches another replica approves nothing, also not what that one asks the same user at
// the moment. Where it arrives it is taken.
func TestAnswerAtAnotherReplicaApprovesNothing(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	for _, name := range []string{"alice-first", "alice-second"} {
		r.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: name})
	}
	p := r.open("alice", 0)
	first := p.begin(0, "delete_identity", `{"identity":"alice-first"}`)
	second := p.begin(1, "delete_identity", `{"identity":"alice-second"}`) // which did not see that this client can ask
	assert.NotEqual(t, string(first.id), string(second.id))
	other := r.open("alice", 1)
	assert.Equal(t, http.StatusServiceUnavailable, first.reply(1, "accept"))
	assert.Equal(t, http.StatusServiceUnavailable, second.reply(0, "accept"))
	assert.Equal(t, http.StatusBadRequest, (&asking{p: other, id: second.id}).reply(1, "accept"), "another session was not asked")
	assert.Len(t, identityNames(r.ravi), 2)

	require.Equal(t, http.StatusAccepted, second.reply(1, "decline"))
	got := second.end()
	assert.Equal(t, "denied declined", got.code+" "+got.reason, got.body)
	require.Equal(t, http.StatusAccepted, first.reply(0, "accept"))
	got = first.end()
	assert.Empty(t, got.code, got.body)
	assert.Equal(t, []string{"alice-second"}, identityNames(r.ravi))
	assert.Equal(t, http.StatusBadRequest, first.reply(0, "accept"), "the question is over")
}

// An answer that only ever reaches the wrong replica is none: the call times out, and the client
// learns that the question is over.
func TestAnswerAtTheWrongReplicaTimesOut(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	r.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "alice-kept"})
	asked := r.open("alice", 1).begin(0, "delete_identity", `{"identity":"alice-kept"}`)
	assert.Equal(t, http.StatusServiceUnavailable, asked.reply(1, "accept"))
	got := asked.end()
	assert.Equal(t, "denied timed_out", got.code+" "+got.reason, got.body)
	assert.Contains(t, got.body, fmt.Sprintf(`"method":"notifications/cancelled","params":{"requestId":%s}`, asked.id))
	assert.Equal(t, []string{"alice-kept"}, identityNames(r.ravi))
}

// From 2026-07-28 on the question is in the client's hands: any replica takes the answer, once, for
// the very call.
func TestAnyReplicaTakesTheSecondRound(t *testing.T) {
	t.Parallel()
	r := startReplicas(t, "--reveal", "ask")
	alice, bob := &peer{replicas: r, caller: "alice", asks: true}, &peer{replicas: r, caller: "bob", asks: true}
	uuid := alice.create(0, "alice-main")
	const keys = `{"identity":%q,"name":%q}`
	for _, name := range []string{"ONE", "TWO"} {
		require.Empty(t, alice.call(1, "set_secret", fmt.Sprintf(`{"identity":%q,"name":%q,"value":"value-of-%s"}`, uuid, name, name)).code)
	}
	ask := func(at int) string {
		got := alice.call(at, "get_secret", fmt.Sprintf(keys, uuid, "ONE"))
		require.NotEmpty(t, got.state, got.body)
		require.NotContains(t, got.body, "value-of")
		return got.state
	}
	answer := func(p *peer, at int, name, action, state string) answered {
		return p.do(p.toolCall(at, "get_secret", fmt.Sprintf(keys, uuid, name),
			fmt.Sprintf(`"inputResponses":{"confirm":{"action":%q,"content":{"confirm":true}}},"requestState":%q,`, action, state)))
	}
	for at := range 2 {
		state := ask(at)
		for what, got := range map[string]answered{
			"another call":   answer(alice, 1-at, "TWO", "accept", state),
			"another caller": answer(bob, 1-at, "ONE", "accept", state),
		} {
			assert.NotContains(t, got.body, "value-of", what)
			assert.NotEmpty(t, got.code, "%s: %s", what, got.body)
		}
		assert.Contains(t, answer(alice, 1-at, "ONE", "accept", state).body, "value-of-ONE")
		for again := range 2 {
			got := answer(alice, again, "ONE", "accept", state)
			assert.NotContains(t, got.body, "value-of", "an approval works once")
			assert.Equal(t, "confirmation_required", got.code, got.body)
		}
		state = ask(at)
		got := answer(alice, 1-at, "ONE", "decline", state)
		assert.Equal(t, "denied declined", got.code+" "+got.reason)
	}
	r.redis.Stop()
	assert.Equal(t, "unavailable", answer(alice, 0, "ONE", "accept", ask(1)).code, "what cannot be marked as used is not used")
}
