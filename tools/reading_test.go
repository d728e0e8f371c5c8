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

// Lists return what a model needs, and say how much more there is.
func TestListsAreBounded(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "ada"}))
	for n := range 51 {
		ok[map[string]any](t, a.call("set_secret", args{"name": fmt.Sprintf("S_%d", n), "value": "v"}))
		ok[map[string]any](t, a.call("save_credential", args{"domain": fmt.Sprintf("site-%d.example", n)}))
	}
	for n := range 20 {
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprintf("other-%d", n)})
	}
	h.account.Forget()
	for name, want := range map[string]struct {
		field        string
		shown, total int
	}{
		"list_secrets": {"secrets", 50, 51}, "list_credentials": {"credentials", 50, 51}, "list_identities": {"identities", 20, 21},
	} {
		for limit, shown := range map[int]int{0: want.shown, 3: 3, 1000: want.total} {
			given := args{}
			if limit > 0 {
				given["limit"] = limit
			}
			got := ok[map[string]any](t, a.call(name, given))
			assert.Len(t, got[want.field], shown, "%s: %d", name, limit)
			assert.EqualValues(t, want.total, got["total"], name)
		}
	}
}
