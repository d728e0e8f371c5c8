package otp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/host"
	"ravi-mcp/internal/otp"
)

// Hostile messages (SECURITY.md U1, U6): whatever they say, the verdict keeps its structure, holds
// nothing invisible, and takes no value from text that a person does not see. want_code and
// want_link hold as in the other files.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	all := readCases(t, "hostile")
	require.GreaterOrEqual(t, len(all), 40)
	for _, c := range all {
		v := otp.Extract(c.Message())
		checkVerdict(t, v)
		link := ""
		if v.Link != nil {
			link = v.Link.URL
		}
		assert.Equal(t, c.WantCode, v.Code, "%s %s %+v", c.ID, c.Notes, v)
		assert.Equal(t, c.WantLink, link, "%s %s", c.ID, c.Notes)
		for _, word := range []string{"SYSTEM", "ignore", "instruction", "evil", "Assistant"} {
			assert.NotContains(t, v.Reason, word, c.ID)
			for _, cand := range v.Candidates {
				assert.NotContains(t, cand.Reason, word, c.ID)
			}
		}
		if strings.Contains(link, "evil") {
			_, at, _ := host.Mailbox(c.From)
			assert.NotEqual(t, host.Domain(at), v.Link.Domain, c.ID)
		}
		text, _ := otp.Clean(c.Text, 0)
		assert.False(t, hasInvisible(text), c.ID)
		text, _ = otp.Text(c.HTML, 0)
		assert.False(t, hasInvisible(text), c.ID)
	}
}
