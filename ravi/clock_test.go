package ravi_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

func TestServerTimeIsRavisClock(t *testing.T) {
	t.Parallel()
	const ahead = 5 * time.Minute
	w := newWorld(t, sandbox.Config{Now: func() time.Time { return time.Now().Add(ahead) }})
	identity := w.CreateIdentity(t, sandbox.NewIdentity{Name: "clock"})
	scope := w.client.Scope(identity.UUID)
	_, known := scope.ServerTime()
	require.False(t, known, "no answer has come yet")
	_, err := w.client.Identities(t.Context())
	require.NoError(t, err)
	now, known := scope.ServerTime()
	require.True(t, known)
	assert.WithinDuration(t, time.Now().Add(ahead), now, 3*time.Second)
}
