package tools_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
	"ravi-mcp/sandbox"
)

type hostileMessage struct {
	ID, Channel, From, Subject, Text, HTML string
}

func hostileMessages(t *testing.T) []hostileMessage {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "otp", "hostile.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var all []hostileMessage
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var m hostileMessage
		require.NoError(t, json.Unmarshal(lines.Bytes(), &m))
		all = append(all, m)
	}
	require.GreaterOrEqual(t, len(all), 40)
	return all
}

// Whatever a message holds, a result keeps its structure: what was written stands only in fields
// that are marked as untrusted, our own sentences hold none of it, and nothing invisible is left.
func TestHostileMessagesStayInsideTheirFields(t *testing.T) {
	for _, m := range hostileMessages(t) {
		t.Run(m.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := h.connect(local())
				me := ok[created](t, a.call("create_identity", args{"name": "target"}))
				const marker = "MARKER-of-a-sender"
				if m.Channel == "sms" {
					h.sms(me.Phone, m.From, m.Text+" "+marker)
				} else {
					h.mail(me.Address, m.From, m.Subject+" "+marker, m.Text, m.HTML)
				}
				list := ok[struct {
					Messages []struct {
						ID        string `json:"message_id"`
						Untrusted bool
					}
				}](t, a.call("list_messages", nil))
				require.Len(t, list.Messages, 1)
				assert.True(t, list.Messages[0].Untrusted)
				for tool, arguments := range map[string]args{
					"list_messages":    nil,
					"read_message":     {"message_id": list.Messages[0].ID},
					"wait_for_message": {"cursor": me.Cursor},
					"wait_for_otp":     {"cursor": me.Cursor, "timeout_seconds": 1},
				} {
					r := a.call(tool, arguments)
					require.False(t, r.IsError, tool)
					assert.Contains(t, string(r.StructuredContent), `"untrusted":true`, tool)
					require.Len(t, r.Content, 1)
					assert.JSONEq(t, string(r.StructuredContent), r.Content[0].Text, tool)
					assertVisible(t, tool, r.StructuredContent)
				}
			})
		})
	}
}

// assertVisible fails for a string, anywhere in a result, that holds a invisible character. Links
// are exempt: they stand as they were written.
func assertVisible(t *testing.T, tool string, raw json.RawMessage) {
	t.Helper()
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(k, inner)
			}
		case []any:
			for _, inner := range v {
				walk(key, inner)
			}
		case string:
			if key == "link" {
				return
			}
			for _, r := range v {
				assert.False(t, unicode.Is(unicode.Cf, r) || r >= 0xE0000 && r <= 0xE007F || r < ' ' && !strings.ContainsRune("\n\t", r), "%s: %s holds %U", tool, key, r)
			}
			cleaned, _ := otp.Clean(v, 0)
			assert.Equal(t, cleaned, v, "%s: %s", tool, key)
		}
	}
	var v any
	require.NoError(t, json.Unmarshal(raw, &v))
	walk("", v)
}
