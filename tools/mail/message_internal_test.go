package mail

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
)

// A person's yes is for one message: whatever of it changes, it is another one. A field that is
// added to one of the types has to be added here.
func TestHashCoversTheWholeMessage(t *testing.T) {
	whole := func() message {
		return message{
			does: "Sends", to: outgoing{[]string{"a@x.example", "b@x.example"}, "+14155550123", "elsewhere"},
			about:   &ravi.EmailMessage{ID: 1, From: "f", ReplyTo: "r", Subject: "s"},
			subject: "subject", body: "body", texts: []string{"one", "two"}, files: []file{{"name", "text/plain", []byte("content")}},
		}
	}
	changes := map[string]func(*message){
		"does": func(m *message) { m.does = "Answers" }, "subject": func(m *message) { m.subject = "other" }, "body": func(m *message) { m.body = "other" },
		"no about": func(m *message) { m.about = nil }, "about id": func(m *message) { m.about.ID = 2 }, "about from": func(m *message) { m.about.From = "x" },
		"about reply-to": func(m *message) { m.about.ReplyTo = "x" }, "about subject": func(m *message) { m.about.Subject = "x" },
		"text": func(m *message) { m.texts[1] = "three" }, "boundary": func(m *message) { m.texts = []string{"on", "etwo"} },
		"recipient": func(m *message) { m.to.addresses[1] = "c@x.example" }, "order": func(m *message) { m.to.addresses = []string{"b@x.example", "a@x.example"} },
		"recipients": func(m *message) { m.to.addresses = m.to.addresses[:1] }, "number": func(m *message) { m.to.number = "+14155550124" },
		"warning": func(m *message) { m.to.replyWarning = "" },
		"file":    func(m *message) { m.files[0].content = []byte("CONTENT") }, "file name": func(m *message) { m.files[0].name = "other" },
		"media": func(m *message) { m.files[0].media = "text/html" }, "no file": func(m *message) { m.files = nil },
	}
	seen := map[[32]byte]string{whole().hash(): "unchanged"}
	require.Equal(t, whole().hash(), whole().hash())
	for what, change := range changes {
		m := whole()
		change(&m)
		assert.Empty(t, seen[m.hash()], what)
		seen[m.hash()] = what
	}
	for _, c := range []struct {
		of     any
		fields int
	}{{message{}, 7}, {outgoing{}, 3}, {file{}, 3}} {
		assert.Equal(t, c.fields, reflect.TypeOf(c.of).NumField(), "%T", c.of)
	}
}
