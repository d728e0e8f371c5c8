package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/token"
	"ravi-mcp/session/lease"
)

// storedLine is what servers of every version write into journals, and, sealed, into a Registry. No
// name in it may change.
const storedLine = `{"id":"1","name":"task","known":["v"],"credential":"k","caller":"alice","shared":true,"address":"task-1","heeded":true,` +
	`"intended":"2026-07-28T00:00:00Z","ahead":1000000000,"clock":true,"ttl":60000000000,"uuid":"u","expires":"2026-07-28T00:00:00Z","gone":true,"owned":true}`

func TestStoredNamesStay(t *testing.T) {
	t.Parallel()
	line, err := lease.JournalLine()
	require.NoError(t, err)
	assert.Equal(t, storedLine, string(line))

	sealer := token.Random()
	m := &lease.Manager{Sealer: sealer}
	entry, err := m.SealedEntry(line)
	require.NoError(t, err)
	binding := token.Binding{Identity: "1", Purpose: "lease"}
	opened, err := sealer.Open(binding, entry.Data)
	require.NoError(t, err, "another version seals it to its ID for this purpose")
	assert.Equal(t, storedLine, string(opened))
	entry.Data, err = sealer.Seal(binding, time.Hour, []byte(storedLine))
	require.NoError(t, err)
	opened, err = m.OpenEntry(entry)
	require.NoError(t, err)
	assert.Equal(t, storedLine, string(opened))
}
