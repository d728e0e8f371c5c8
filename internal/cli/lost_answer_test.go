package cli_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// A client that gives a call up after a second, without notifications/cancelled, throws away the
// answer that comes after that. Its next wait names the message, and read_message shows it.
func TestSilentTimeoutOfAClientLosesNoCode(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	w := harness.StartStdio(t, env, "stdio", "--identity", "amber")
	harness.Must[map[string]any](t, w, "watch_inbox", nil)
	given, err := w.SendTool("wait_for_otp", args{"timeout_seconds": 50})
	require.NoError(t, err)
	_, err = ravi.Server.DeliverSMS(sandbox.SMS{To: amber.Phone, From: "32665", Body: "Your code is 271828"})
	require.NoError(t, err)
	_, err = w.Receive(given) // it is on the pipe, where the client reads it and drops it
	require.NoError(t, err)

	type outcome struct {
		Status string
		Hint   string
		Recent []struct {
			ID string `json:"message_id"`
		} `json:"recently_found"`
	}
	next := harness.Must[outcome](t, w, "wait_for_otp", args{"timeout_seconds": 1})
	assert.Equal(t, "pending", next.Status)
	assert.Contains(t, next.Hint, "read_message")
	require.Len(t, next.Recent, 1)
	read := harness.Must[struct{ Message struct{ Text string } }](t, w, "read_message", args{"message_id": next.Recent[0].ID})
	assert.Equal(t, "Your code is 271828", read.Message.Text)
}
