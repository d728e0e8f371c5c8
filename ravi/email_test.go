package ravi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

func deliver(t testing.TB, w *world, m sandbox.Email) int64 {
	t.Helper()
	id, err := w.Server.DeliverEmail(m)
	require.NoError(t, err)
	return id
}

func TestEmailAddressAndThreads(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, MarkRead: true})
		id, scope := w.identity(t, "reader")
		address, err := scope.Email(t.Context())
		require.NoError(t, err)
		assert.Equal(t, id.Inbox, address.Address)
		assert.Positive(t, address.ID)

		deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "One", Text: "first", MessageID: "<m1+x/y@example.com>"})
		deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "Re: One", Text: "second", InReplyTo: "<m1+x/y@example.com>"})
		deliver(t, w, sandbox.Email{To: id.Inbox, From: "b@example.com", Subject: "Two", Text: "third"})

		threads, err := scope.EmailThreads(t.Context(), false)
		require.NoError(t, err)
		require.Len(t, threads, 2)
		assert.EqualValues(t, 2, threads[1].MessageCount)
		assert.Equal(t, "<m1+x/y@example.com>", threads[1].ThreadID)
		assert.False(t, threads[1].Latest.IsZero())

		thread, err := scope.EmailThread(t.Context(), threads[1].ThreadID)
		require.NoError(t, err)
		require.Len(t, thread.Messages, 2)
		assert.Equal(t, "first", strings.TrimSpace(thread.Messages[0].Text))

		unread, err := scope.EmailThreads(t.Context(), true)
		require.NoError(t, err)
		require.Len(t, unread, 1, "the thread that was read is not unread")
		assert.Equal(t, "true", lastRequest(w).Query.Get("has_unread"))
		_, err = scope.EmailThread(t.Context(), "<nobody@example.com>")
		require.ErrorIs(t, err, ravi.ErrNotFound)
	})
}

func lastRequest(w *world) sandbox.RequestRecord {
	all := w.Server.Requests()
	return all[len(all)-1]
}

func TestMessagesFollowAllPages(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]sandbox.Config{
		"envelope":           {Era: sandbox.EraKeys, EmailList: sandbox.ListPaginated},
		"array":              {Era: sandbox.EraTokens, EmailList: sandbox.ListBare},
		"array, no filters":  {Era: sandbox.EraTokens, EmailList: sandbox.ListBare, IgnoreFilters: true},
		"envelope in era 1":  {Era: sandbox.EraTokens, EmailList: sandbox.ListPaginated},
		"SMS in an envelope": {Era: sandbox.EraKeys, SMSList: sandbox.ListPaginated},
	} {
		w := newWorld(t, cfg)
		id, scope := w.identity(t, "reader")
		var want []int64
		for range 120 {
			want = append(want, deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "s", Text: "t"}))
			_, err := w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15550002222", Body: "b"})
			require.NoError(t, err)
		}
		for _, limit := range []int{0, 7, 60, 500} {
			var got []int64
			for _, m := range collect(t, scope.EmailMessages(t.Context(), ravi.MessageFilter{Limit: limit})) {
				got = append(got, m.ID)
			}
			assert.ElementsMatch(t, want, got, "%s, limit %d", name, limit)
			assert.Len(t, collect(t, scope.SMSMessages(t.Context(), ravi.MessageFilter{Limit: limit})), 120, "%s, limit %d", name, limit)
		}
		n := 0
		for range scope.EmailMessages(t.Context(), ravi.MessageFilter{}) {
			if n++; n == 3 {
				break // a reader may stop anywhere
			}
		}
	}
}

func TestEmailFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	id, scope := w.identity(t, "reader")
	old := time.Now().Add(-time.Hour)
	deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "old", Text: "t", At: old})
	deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "new", Text: "t"})
	found := collect(t, scope.EmailMessages(t.Context(), ravi.MessageFilter{Unread: true, CreatedAfter: old.Add(time.Minute), Direction: ravi.Incoming}))
	require.Len(t, found, 1)
	assert.Equal(t, "new", found[0].Subject)
	q := lastRequest(w).Query
	assert.Equal(t, "false", q.Get("is_read"))
	assert.Equal(t, "incoming", q.Get("direction"))
	m, err := scope.EmailMessage(t.Context(), found[0].ID)
	require.NoError(t, err)
	assert.Equal(t, "a@example.com", m.From)
	assert.Equal(t, ravi.Incoming, m.Direction)
	_, err = scope.EmailMessage(t.Context(), 999999)
	require.ErrorIs(t, err, ravi.ErrNotFound)
}

func TestComposeReplyAndForward(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, RecordBodies: true})
		id, scope := w.identity(t, "writer")
		ctx := t.Context()
		uuid, err := scope.UploadAttachment(ctx, "a.txt", "text/plain", []byte("content"))
		require.NoError(t, err)
		sent, err := scope.Compose(ctx, ravi.Draft{To: "b@example.com", CC: []string{"c@example.com"}, Subject: "Hello", Content: "<p>Hi</p>", Attachments: []string{uuid}})
		require.NoError(t, err)
		assert.Equal(t, ravi.Outgoing, sent.Direction)
		assert.Equal(t, "Hello", sent.Subject)
		require.Len(t, sent.Attachments, 1)
		assert.EqualValues(t, 7, sent.Attachments[0].Size)
		address, err := scope.Email(ctx)
		require.NoError(t, err)
		var compose sandbox.RequestRecord
		for _, r := range w.Server.Requests() {
			if r.Endpoint == "/api/email-messages/compose/" {
				compose = r
			}
		}
		assert.Equal(t, itoa(address.ID), compose.Query.Get("inbox"))
		assert.JSONEq(t, `{"to_email":"b@example.com","subject":"Hello","content":"<p>Hi</p>","cc":["c@example.com"],"attachment_uuids":["`+uuid+`"]}`, string(compose.Body))

		mail := deliver(t, w, sandbox.Email{To: id.Inbox, From: "d@example.com", CC: "e@example.com", Subject: "Question", Text: "?"})
		wantsSubject := era == sandbox.EraTokens
		subject := func(s string) string {
			if wantsSubject {
				return `,"subject":"` + s + `"`
			}
			return ""
		}
		reply, err := scope.Reply(ctx, mail, ravi.Draft{Content: "yes"})
		require.NoError(t, err)
		assert.Equal(t, "Re: Question", reply.Subject)
		assert.JSONEq(t, `{"content":"yes"`+subject("Re: Question")+`}`, string(lastRequest(w).Body))
		all, err := scope.ReplyAll(ctx, mail, ravi.Draft{Content: "yes", Subject: "Re: own"})
		require.NoError(t, err)
		assert.Contains(t, all.CC, "e@example.com")
		assert.JSONEq(t, `{"content":"yes"`+subject("Re: own")+`}`, string(lastRequest(w).Body), "only era 1 is sent a subject")
		fwd, err := scope.Forward(ctx, mail, ravi.Draft{To: "f@example.com", Content: "see"})
		require.NoError(t, err)
		assert.Equal(t, "Fwd: Question", fwd.Subject)
		assert.Equal(t, "f@example.com", fwd.To)
		_, err = scope.Reply(ctx, 999999, ravi.Draft{Content: "x"})
		require.ErrorIs(t, err, ravi.ErrNotFound)
		_, err = scope.Compose(ctx, ravi.Draft{To: "nobody", Subject: "s", Content: "c"})
		require.ErrorIs(t, err, ravi.ErrInvalid)
	})
}

// A mail whose answer was lost may have gone: it is not sent again.
func TestMailIsNeverSentTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	_, scope := w.identity(t, "writer")
	for _, fault := range []sandbox.Fault{{Status: 503}, {Perform: true, Cut: true}, {Status: 504, Perform: true}, {Cut: true}} {
		fault.Endpoint = "/api/email-messages/compose/"
		w.Server.ClearRequests()
		w.Server.Faults().Add(fault)
		_, err := scope.Compose(t.Context(), ravi.Draft{To: "b@example.com", Subject: "s", Content: "c"})
		require.ErrorIs(t, err, ravi.ErrUnavailable)
		assert.Contains(t, err.Error(), "may have happened")
		assert.Equal(t, 1, w.Server.CountRequests(http.MethodPost, "/api/email-messages/compose/"))
	}
}

func TestUploadSendsNoCredential(t *testing.T) {
	t.Parallel()
	var upload *http.Request
	w := &wire{}
	w.answer = func(r *http.Request) *http.Response {
		if r.Method == http.MethodPut {
			upload = r
			return respond(200, "")
		}
		return respond(201, `{"uuid":"u-1","upload_url":"https://storage.test/x?sig=canary","storage_key":"k"}`)
	}
	uuid, err := over(t, w).Scope("u").UploadAttachment(t.Context(), "a.txt", "text/plain", []byte("abc"))
	require.NoError(t, err)
	assert.Equal(t, "u-1", uuid)
	assert.Empty(t, upload.Header.Get("Authorization"))
	assert.Empty(t, upload.Header.Get("X-Ravi-Identity"))
	assert.Equal(t, "text/plain", upload.Header.Get("Content-Type"))
	assert.EqualValues(t, 3, upload.ContentLength)

	for _, bad := range []string{"http://storage.example/x", "file:///etc/passwd", "//x", "https://u:p@storage.test/", ""} {
		w.answer = func(*http.Request) *http.Response { return respond(201, `{"uuid":"u-1","upload_url":"`+bad+`"}`) }
		_, err := over(t, w).Scope("u").UploadAttachment(t.Context(), "a.txt", "text/plain", []byte("abc"))
		require.ErrorIs(t, err, ravi.ErrUnavailable, bad)
	}
	w.answer = func(r *http.Request) *http.Response {
		if r.Method == http.MethodPut {
			return respond(403, "canary")
		}
		return respond(201, `{"uuid":"u-1","upload_url":"https://storage.test/x?sig=canary"}`)
	}
	_, err = over(t, w).Scope("u").UploadAttachment(t.Context(), "a.txt", "text/plain", []byte("abc"))
	require.ErrorIs(t, err, ravi.ErrForbidden)
	assert.NotContains(t, err.Error(), "canary")
}
