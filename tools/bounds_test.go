package tools_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// U2: what is shown of a received message has bounds, and says so where something was cut.
func TestWhatIsShownOfAMessageHasBounds(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	me := ok[created](t, a.call("create_identity", args{"name": "ada"}))
	long := func(n int) string { return strings.Repeat("é x", n/3) }
	for i := range 30 {
		size := 600
		if i == 7 || i == 29 { // those that are read
			size = 60_000
		}
		h.mail(me.Address, fmt.Sprintf("%s <eve-%d@x.example>", long(2000), i), long(5000), long(size), "")
	}
	runes := func(s string) int { return len([]rune(s)) }

	type head struct {
		ID                     string `json:"message_id"`
		From, Subject, Preview string
	}
	list := ok[struct {
		Messages []head
		Total    int
	}](t, a.call("list_messages", args{"limit": 7}))
	assert.Len(t, list.Messages, 7)
	assert.Equal(t, 30, list.Total)
	for _, m := range list.Messages {
		assert.LessOrEqual(t, runes(m.Preview), 160)
		assert.LessOrEqual(t, runes(m.Subject), 300)
		assert.LessOrEqual(t, runes(m.From), 320)
	}

	type text struct {
		Message struct {
			Text      string
			Truncated bool
		}
	}
	id := list.Messages[0].ID
	for limit, arguments := range map[int]args{100: {"message_id": id, "max_characters": 100}, 8000: {"message_id": id}, 50_000: {"message_id": id, "max_characters": 50_000}} {
		got := ok[text](t, a.call("read_message", arguments)).Message
		assert.Equal(t, limit, runes(got.Text))
		assert.True(t, got.Truncated, limit)
	}
	assert.Equal(t, fault.InvalidArgument, refused(t, a.call("read_message", args{"message_id": id, "max_characters": 50_001})).Code)

	for limit, arguments := range map[int]args{100: {"max_characters": 100}, 8000: {}} {
		arguments["cursor"], arguments["timeout_seconds"], arguments["sender"] = me.Cursor, 50, "eve-7@x.example"
		got := ok[text](t, a.call("wait_for_message", arguments)).Message
		assert.Equal(t, limit, runes(got.Text))
		assert.True(t, got.Truncated, limit)
	}
	h.mail(me.Address, "eve@x.example", "short", "all of it", "")
	h.account.Forget()
	short := ok[struct{ Messages []head }](t, a.call("list_messages", args{"limit": 1})).Messages[0]
	got := ok[text](t, a.call("read_message", args{"message_id": short.ID})).Message
	assert.Equal(t, "all of it", got.Text)
	assert.False(t, got.Truncated)
}

// U8: a contact that Ravi made by itself, of a sender, is no permission to write to them.
func TestUnsavedContactsAreAskedAbout(t *testing.T) {
	for source, known := range map[string]bool{"auto": false, "AUTO": false, "": false, "manual": true} {
		h := mailSystem(t, sandbox.Config{}, session.PolicyAsk)
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/contacts/", Status: 200, Count: -1,
			Body: fmt.Sprintf(`[{"uuid":"00000000-0000-4000-8000-000000000001","email":"eve@x.example","source":%q}]`, source)})
		r := canAsk["modern"](h, local(), no).put("send_email", args{"identity": "ada", "to": "eve@x.example", "subject": "s", "body": "b"})
		if known {
			ok[mailed](t, r)
			continue
		}
		assert.Equal(t, "declined", refused(t, r).Reason, source)
		assert.Zero(t, h.sends(), source)
	}
}

// A wait ends before common clients give a call up (docs/mcp-go.md#trap-24), whatever is asked for.
func TestWaitsEndBeforeClientsGiveUp(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	require.Positive(t, h.deps.WaitLimit())
	assert.LessOrEqual(t, h.deps.WaitLimit(), 50*time.Second)
}
