package tools_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// asked is a system with a question that waits for its answer: whether an identity may be deleted.
type asked struct {
	*system
	a     *agent
	uuid  string
	state string
}

func ask(t *testing.T) asked {
	t.Helper()
	h := newSystem(t, sandbox.Config{})
	uuid := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "victim"}).UUID
	a := canAsk["modern"](h, local(), yes)
	r := a.call("delete_identity", args{"identity": "victim"})
	require.Equal(t, "input_required", r.ResultType)
	require.NotEmpty(t, r.RequestState)
	require.Len(t, h.names(), 1, "nothing happens before the answer")
	return asked{system: h, a: a, uuid: uuid, state: r.RequestState}
}

// gone deletes an identity behind the server's back.
func (h *system) gone(uuid string) {
	client, err := h.account.Client()
	if assert.NoError(h.t, err) {
		assert.NoError(h.t, client.DeleteIdentity(context.Background(), uuid))
	}
	h.account.Forget()
}

// renamed gives an identity another name behind the server's back.
func (h *system) renamed(from, to string) {
	h.t.Helper()
	client, err := h.account.Client()
	require.NoError(h.t, err)
	_, err = client.UpdateIdentity(context.Background(), h.scope(from).Identity(), ravi.IdentityUpdate{Name: &to})
	require.NoError(h.t, err)
	h.account.Forget()
}

// refuses checks that a retry is refused as one that belongs to no question, in the same words for
// every cause, and has no effect.
func (q asked) refuses(t *testing.T, why string, r result) {
	t.Helper()
	body := refused(t, r)
	assert.Equal(t, fault.ConfirmationRequired, body.Code, why)
	assert.Equal(t, "The approval does not belong to this call, was used already, or has expired.", body.Message)
	assert.Contains(t, q.names(), "victim", why)
}

func TestAStateWithAnyByteChangedIsRefused(t *testing.T) {
	q := ask(t)
	raw, err := base64.RawURLEncoding.DecodeString(q.state)
	require.NoError(t, err)
	for i := range raw {
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		q.refuses(t, "a flipped bit", q.a.retry("delete_identity", args{"identity": "victim"}, base64.RawURLEncoding.EncodeToString(changed), yes))
	}
	for _, state := range []string{"x", q.state + "A", q.state[:len(q.state)-4], q.state + "="} {
		q.refuses(t, "another length", q.a.retry("delete_identity", args{"identity": "victim"}, state, yes))
	}
	ok[map[string]any](t, q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes))
	assert.Empty(t, q.names(), "the state itself was good all the time")
}

func TestAStateIsGoodForItsOwnCallOnly(t *testing.T) {
	q := ask(t)
	other := q.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "other"}).UUID
	q.refuses(t, "another identity", q.a.retry("delete_identity", args{"identity": "other"}, q.state, yes))
	q.refuses(t, "the same identity under another name", q.a.retry("delete_identity", args{"identity": q.uuid}, q.state, yes))
	q.refuses(t, "another identity by uuid", q.a.retry("delete_identity", args{"identity": other}, q.state, yes))

	another := canAsk["modern"](q.system, &session.Caller{Name: "other"}, yes)
	q.refuses(t, "another caller", another.retry("delete_identity", args{"identity": "victim"}, q.state, yes))

	r := q.a.call("delete_identity", args{"identity": "other"})
	q.refuses(t, "another question's", q.a.retry("delete_identity", args{"identity": "victim"}, r.RequestState, yes))

	// A cursor is sealed with the same key and is no approval.
	cursor := ok[created](t, q.a.call("watch_inbox", args{"identity": "victim"})).Cursor
	q.refuses(t, "a cursor", q.a.retry("delete_identity", args{"identity": "victim"}, cursor, yes))
}

func TestAStateWorksOnce(t *testing.T) {
	q := ask(t)
	ok[map[string]any](t, q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes))
	q.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "victim"})
	q.account.Forget()
	q.refuses(t, "used before", q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes))

	// Also where all else is as it was, and only the mark tells.
	h := mailSystem(t, sandbox.Config{}, session.PolicyAsk)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := canAsk["modern"](h, local(), yes)
	contact := args{"identity": "ada", "email": "eve@x.example"}
	state := a.call("save_contact", contact).RequestState
	id := ok[struct{ Contact struct{ ID string } }](t, a.retry("save_contact", contact, state, yes)).Contact.ID
	ok[map[string]any](t, a.call("delete_contact", args{"identity": "ada", "id": id}))
	assert.Equal(t, fault.ConfirmationRequired, refused(t, a.retry("save_contact", contact, state, yes)).Code)
}

func TestOfManyRepetitionsOneCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mailSystem(t, sandbox.Config{}, session.PolicyAsk)
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
		a := canAsk["modern"](h, local(), yes)
		mail := args{"identity": "ada", "to": "eve@x.example", "subject": "s", "body": "b"}
		state := a.call("send_email", mail).RequestState
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: compose, Status: 400, Count: -1}) // the recipient stays new
		results := make(chan result)
		for range 20 {
			go func() { results <- a.retry("send_email", mail, state, yes) }()
		}
		counted := 0
		for range 20 {
			if refused(t, <-results).Code != fault.ConfirmationRequired {
				counted++
			}
		}
		assert.Equal(t, 1, counted)
		assert.Equal(t, 1, h.sends())
	})
}

func TestAStateExpiresAfterTenMinutes(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		good  bool
	}{{10*time.Minute - time.Second, true}, {10 * time.Minute, false}} {
		synctest.Test(t, func(t *testing.T) {
			q := ask(t)
			time.Sleep(c.after)
			r := q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes)
			if c.good {
				ok[map[string]any](t, r)
				return
			}
			q.refuses(t, "expired", r)
		})
	}
}

func TestStateOfAnotherServerNeedsTheSameKey(t *testing.T) {
	q := ask(t)
	q.deps.Sealer = token.Random()
	q.refuses(t, "another key", canAsk["modern"](q.system, local(), yes).retry("delete_identity", args{"identity": "victim"}, q.state, yes))
}

func TestAQuestionWithoutAnAnswerIsAskedAgain(t *testing.T) {
	q := ask(t)
	for _, more := range []string{
		`,"requestState":"` + q.state + `"`,
		`,"requestState":"` + q.state + `","inputResponses":{}`,
		`,"requestState":"` + q.state + `","inputResponses":{"other":` + yes + `}`,
		`,"inputResponses":{"confirm":` + yes + `}`,
	} {
		got, _ := q.a.beginCallWith("delete_identity", args{"identity": "victim"}, more)
		r := parse(t, <-got)
		assert.Equal(t, "input_required", r.ResultType, more)
		assert.Len(t, q.names(), 1)
	}
}

// Between the question and the answer the name goes to another identity. What was shown to the
// person was the first one, so the second is not touched.
func TestAnApprovalHoldsForTheIdentityThatWasShown(t *testing.T) {
	t.Run("modern", func(t *testing.T) {
		q := ask(t)
		q.gone(q.uuid)
		q.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "victim"})
		q.account.Forget()
		q.refuses(t, "swapped", q.a.retry("delete_identity", args{"identity": "victim"}, q.state, yes))
	})
	t.Run("legacy", func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		uuid := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "victim"}).UUID
		a := canAsk["legacy"](h, local(), yes)
		answer := a.person
		a.person = func(question json.RawMessage) string {
			h.gone(uuid)
			_, err := h.ravi.Server.CreateIdentity(h.ravi.Account.Email, sandbox.NewIdentity{Name: "victim"})
			assert.NoError(t, err)
			return answer(question)
		}
		assert.Equal(t, fault.Conflict, refused(t, a.call("delete_identity", args{"identity": "victim"})).Code)
		assert.Equal(t, []string{"victim"}, h.names())
	})
}
