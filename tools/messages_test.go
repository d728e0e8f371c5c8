package tools_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/sandbox"
)

// Some Ravis mark what is fetched as read, and no other call is known that does. What is said is
// what Ravi has.
func TestReadingSaysWhetherRaviMarks(t *testing.T) {
	type read struct {
		Message struct{ Read bool }
		Hint    string
	}
	type listed struct {
		Messages []struct {
			ID   string `json:"message_id"`
			Read bool
		}
	}
	for _, marks := range []bool{true, false} {
		h := newSystem(t, sandbox.Config{MarkRead: marks})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "ada"}))
		h.mail(me.Address, "eve@x.example", "Hello", "How are you?", "")
		h.sms(me.Phone, "+15550001111", "How are you?")
		unread := ok[listed](t, a.call("list_messages", args{"unread_only": true})).Messages
		assert.Len(t, unread, 2)
		for _, m := range unread {
			assert.False(t, m.Read, "a list marks nothing")
			got := ok[read](t, a.call("read_message", args{"message_id": m.ID}))
			assert.Equal(t, marks, got.Message.Read, m.ID)
			assert.Equal(t, marks, got.Hint == "", m.ID)
		}
		left := ok[listed](t, a.call("list_messages", args{"unread_only": true})).Messages
		assert.Equal(t, marks, len(left) == 0, "%v", left)
	}
}

// A cursor stands in nearly every result of a sign-up, and a model repeats it.
func TestCursorsAreShort(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	me := ok[created](t, a.call("create_identity", args{"name": "ada"}))
	assert.LessOrEqual(t, len(me.Cursor), 90, "of an empty inbox")
	cursor := me.Cursor
	for n := range 3 {
		h.sms(me.Phone, "+15550001111", fmt.Sprintf("Your code is %d", 271_828+13*n))
		found := ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor}))
		assert.Equal(t, fmt.Sprint(271_828+13*n), found.Code)
		cursor = found.Cursor
	}
	assert.LessOrEqual(t, len(cursor), 120, "after three codes")
	h.mail(me.Address, "code@site.example", "Your code", "Your code is 314159", "")
	assert.LessOrEqual(t, len(ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor})).Cursor), 150, "after codes of two senders")
}
