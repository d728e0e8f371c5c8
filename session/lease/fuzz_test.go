package lease_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ravi-mcp/session/lease"
)

// However a journal is damaged, reading it does not fail, and a whole line before the damage still
// holds.
func FuzzJournal(f *testing.F) {
	const whole = `{"id":"first","name":"a","credential":"c","intended":"2026-01-02T03:04:05Z","ttl":60000000000}` + "\n"
	f.Add([]byte(whole[:40]))
	f.Add([]byte("\n\n{}\nnull\n[]\n"))
	f.Fuzz(func(t *testing.T, damage []byte) {
		_, torn := lease.ParsedJournal(damage)
		require.Equal(t, len(damage) > 0 && damage[len(damage)-1] != '\n', torn)
		names, _ := lease.ParsedJournal([]byte(whole + `{"id":"fi`))
		require.Equal(t, []string{"a"}, names)
		names, _ = lease.ParsedJournal(append(append([]byte{}, damage...), "\n"+whole...))
		require.Contains(t, names, "a")
	})
}
