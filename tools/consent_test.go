package tools_test

import (
	"encoding/json"
	"maps"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// What a person has approved is a file with its content: one that takes its place while the
// question is open does not go out.
func TestFileReplacedAfterTheQuestionStays(t *testing.T) {
	for era, connect := range canAsk {
		for tool, arguments := range map[string]args{
			"send_email":    {"to": "a@x.example", "subject": "s", "body": "b"},
			"reply_email":   {"body": "b"},
			"forward_email": {"to": "a@x.example"},
		} {
			t.Run(era+" "+tool, func(t *testing.T) {
				h, dir := attaching(t, sandbox.Config{}, session.PolicyAsk)
				me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
				h.mail(me.Inbox, "eve@x.example", "Hello", "Write to me", "")
				a := connect(h, local(), yes)
				id, _ := received(t, a, "ada")
				call := args{"identity": "ada", "attachments": []string{"report.txt"}}
				maps.Copy(call, arguments)
				if tool != "send_email" {
					call["message_id"] = id
				}
				put(t, dir, "report.txt", []byte("all is well"))
				a.person = func(json.RawMessage) string {
					put(t, dir, "report.txt", []byte("ALL IS LOST"))
					return yes
				}
				body := refused(t, a.put(tool, call))
				assert.Equal(t, map[string]fault.Code{"legacy": fault.Conflict, "modern": fault.ConfirmationRequired}[era], body.Code)
				assert.Zero(t, h.sends())
				assert.Zero(t, h.ravi.Server.CountRequests("POST", presign))

				a.person = func(json.RawMessage) string { return yes }
				ok[mailed](t, a.put(tool, call))
			})
		}
	}
}

// A person sees what leaves, and which message it is about.
func TestQuestionShowsWhatLeaves(t *testing.T) {
	const hidden = `<p>Dear Bob,</p><div style="display:none">UNSEEN</div><p>all is “well” [here]</p>`
	for era, connect := range canAsk {
		h := mailSystem(t, sandbox.Config{Era: sandbox.EraKeys}, session.PolicyAsk)
		me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
		h.mail(me.Inbox, "eve@x.example", "Old\u202e business", "Write to me", "")
		a := connect(h, local(), no)
		id, _ := received(t, a, "ada")
		for tool, c := range map[string]struct {
			arguments args
			shown     []string
		}{
			"send_email": {
				args{"to": "bob@x.example", "subject": "Lunch", "body": "First line\n\nsecond line\r\nthird"},
				[]string{"subject is “Lunch”", "“First line / second line / third”"},
			},
			"send_sms":      {args{"to": "+14155550123", "body": "At noon?"}, []string{"“At noon?”"}},
			"reply_email":   {args{"message_id": id, "body": hidden, "format": "html"}, []string{"“Old_ business”", "“eve@x.example”", "Dear Bob, / all is _well_ _here_"}},
			"forward_email": {args{"message_id": id, "to": "bob@x.example", "note": "See below"}, []string{"“Old_ business”", "“eve@x.example”", "“See below”"}},
		} {
			question := ""
			a.person = func(q json.RawMessage) string {
				var form struct{ Message string }
				assert.NoError(t, json.Unmarshal(q, &form))
				question = form.Message
				return no
			}
			c.arguments["identity"] = "ada"
			assert.Equal(t, "declined", refused(t, a.put(tool, c.arguments)).Reason, "%s %s", era, tool)
			for _, words := range c.shown {
				assert.Contains(t, question, words, "%s %s", era, tool)
			}
			assert.NotContains(t, question, "UNSEEN")
		}
		assert.Zero(t, h.sends())
	}
}

// Marks are for approvals: questions that were declined take the place of none.
func TestRefusalSpendsNoMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := ask(t)
		for _, answer := range []string{no, closed, unchecked, `{"action":"accept"}`} {
			assert.Equal(t, fault.Denied, refused(t, q.a.retry("delete_identity", args{"identity": "victim"}, q.state, answer)).Code, answer)
		}
		ok[map[string]any](t, q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes))
		require.Empty(t, q.names())
	})
}

// A name is what others find an identity by: to take it away is decided like a deletion.
func TestRenamingForeignIdentityAsks(t *testing.T) {
	for era, connect := range canAsk {
		for answer, want := range map[string]string{yes: "taken", no: "shared-main"} {
			h := newSystem(t, sandbox.Config{})
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shared-main"})
			question := ""
			a := connect(h, &session.Caller{Name: "alice"}, answer)
			a.person = func(q json.RawMessage) string { question = string(q); return answer }
			r := a.put("update_identity", args{"identity": "shared-main", "name": "taken"})
			assert.Equal(t, answer != yes, r.IsError, era)
			assert.Contains(t, question, "“taken”", era)
			assert.Equal(t, []string{want}, h.names(), era)

			a.person = func(json.RawMessage) string { panic("a person was asked") }
			ok[map[string]any](t, a.put("update_identity", args{"identity": want, "name": want})) // changes nothing
			ok[created](t, a.call("create_identity", args{"name": "mine"}))
			ok[map[string]any](t, a.put("update_identity", args{"identity": "mine", "name": "mine-still"}))
		}
	}
	h := newSystem(t, sandbox.Config{})
	h.configure = deletes(session.PolicyDeny)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shared-main"})
	assert.Equal(t, "policy", refused(t, h.connect(local()).call("update_identity", args{"identity": "shared-main", "name": "taken"})).Reason)
	assert.Equal(t, []string{"shared-main"}, h.names())
}
