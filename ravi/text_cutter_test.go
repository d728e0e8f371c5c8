package ravi_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

// Of a mail that is larger than an answer may be, the beginning is read; all others are listed as
// they are.
func TestOversizedMailHidesNoOther(t *testing.T) {
	t.Parallel()
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		id, scope := w.identity(t, "target")
		for i := range 7 {
			text := "small"
			if i == 3 {
				text = strings.Repeat("x", 17<<20)
			}
			_, err := w.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "a@b.example", Subject: strings.Repeat("#", i+1), Text: text})
			require.NoError(t, err)
		}
		sizes := map[string]int{}
		for _, m := range collect(t, scope.EmailMessages(t.Context(), ravi.MessageFilter{})) {
			sizes[m.Subject] = len(m.Text)
			one, err := scope.EmailMessage(t.Context(), m.ID)
			require.NoError(t, err)
			assert.Len(t, one.Text, len(m.Text))
		}
		assert.Equal(t, map[string]int{
			"#": 5, "##": 5, "###": 5, "####": 256 << 10, "#####": 5, "######": 5, "#######": 5,
		}, sizes)
	})
}
