package sandboxtest_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func get(t *testing.T, ravi *sandboxtest.Instance, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", ravi.URL+"/api/identities/", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := ravi.Client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(body)
}

func TestNew(t *testing.T) {
	t.Parallel()
	ravi := sandboxtest.New(t, sandbox.Config{})
	id := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	status, body := get(t, ravi, ravi.Account.AccessToken)
	assert.Equal(t, 200, status)
	assert.Contains(t, body, id.UUID)
}

func TestMemoryUsesTheClockOfTheBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ravi := sandboxtest.Memory(t, sandbox.Config{})
		time.Sleep(time.Hour)
		status, _ := get(t, ravi, ravi.Account.AccessToken)
		assert.Equal(t, 401, status, "the server lives by the bubble's clock")
	})
}
