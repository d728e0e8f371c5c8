package tools_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

type foundEarlier struct {
	ID      string    `json:"message_id"`
	FoundAt time.Time `json:"found_at"`
}

type waitedAgain struct {
	waited
	Recent []foundEarlier `json:"recently_found"`
}

// A client that gives a call up without a word never sees what its wait found. The next wait says
// which messages those were, for two minutes, to this session and for this identity only.
func TestPendingNamesWhatWaitsHaveFound(t *testing.T) {
	for _, tool := range []string{"wait_for_otp", "wait_for_message"} {
		synctest.Test(t, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			a, b := h.connect(local()), h.connect(&session.Caller{Name: "other"})
			me := ok[created](t, a.call("create_identity", args{"name": "forgetful"}))
			lost, _ := a.beginCall(tool, nil)
			time.Sleep(time.Second)
			h.sms(me.Phone, "32665", "Your code is 515151")
			first := ok[map[string]any](t, parse(t, <-lost))
			require.Equal(t, "found", first["status"])
			require.NotContains(t, first, "recently_found")

			again := func(a *agent, arguments args) waitedAgain {
				return ok[waitedAgain](t, a.call(tool, arguments))
			}
			next := again(a, args{"timeout_seconds": 1})
			assert.Equal(t, "pending", next.Status)
			require.Len(t, next.Recent, 1)
			assert.WithinDuration(t, time.Now(), next.Recent[0].FoundAt, 2*time.Second)
			assert.Contains(t, next.Hint, "read_message")
			assert.NotContains(t, next.Hint+next.Code, "515151")
			message := ok[struct{ Message struct{ Text string } }](t, a.call("read_message", args{"message_id": next.Recent[0].ID}))
			assert.Equal(t, "Your code is 515151", message.Message.Text)

			assert.Empty(t, again(a, args{"cursor": first["cursor"], "timeout_seconds": 1}).Recent, "who has the cursor of the answer has read it")
			assert.Empty(t, again(b, args{"identity": me.Identity.UUID, "timeout_seconds": 1}).Recent, "another session")
			modern := h.connectModern(local())
			assert.Empty(t, again(modern, args{"identity": me.Identity.UUID, "timeout_seconds": 1}).Recent, "no session")
			assert.Equal(t, "found", again(modern, args{"cursor": me.Cursor, "timeout_seconds": 1}).Status, "who passes the cursor again loses nothing")
			assert.Equal(t, "found", again(modern, args{"cursor": me.Cursor, "timeout_seconds": 1}).Status)

			shared := h.connect(&session.Caller{Name: "gateway", Shared: true})
			theirs, _ := shared.beginCall(tool, args{"identity": me.Identity.UUID})
			time.Sleep(time.Second)
			h.sms(me.Phone, "32665", "Your code is 616161")
			require.Equal(t, "found", ok[waited](t, parse(t, <-theirs)).Status)
			assert.Empty(t, again(shared, args{"identity": me.Identity.UUID, "timeout_seconds": 1}).Recent, "a session of several agents")

			time.Sleep(session.FoundFor)
			assert.Empty(t, again(a, args{"timeout_seconds": 1}).Recent)
		})
	}
}

// Of an answer that is ambiguous every message is named, each once.
func TestPendingNamesAmbiguousMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "torn"}))
		h.sms(me.Phone, "32665", "Your code is 515151")
		h.mail(me.Address, "login@nimbus.example", "Nimbus", "Your code is 626262", "")
		require.Equal(t, "ambiguous", ok[waited](t, a.call("wait_for_otp", nil)).Status)
		assert.Len(t, ok[waitedAgain](t, a.call("wait_for_otp", args{"timeout_seconds": 1})).Recent, 2)
	})
}

// A client that gives up at 30 s exactly has its answer before.
func TestWaitWithoutTimeoutEndsBefore30s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		ok[created](t, a.call("create_identity", args{"name": "patient"}))
		began := time.Now()
		assert.Equal(t, "pending", ok[waited](t, a.call("wait_for_otp", nil)).Status)
		assert.InDelta(t, 25, time.Since(began).Seconds(), 2)
	})
}
