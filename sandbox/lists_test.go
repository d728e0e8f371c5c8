package sandbox_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// mails delivers n mails, a minute apart.
func mails(t *testing.T, r *sandboxtest.Instance, to string, n int) (ids []int64, times []time.Time) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range n {
		at = at.Add(time.Minute)
		id, err := r.Server.DeliverEmail(sandbox.Email{To: to, From: pickName(i), Subject: "n", Text: "t", At: at})
		require.NoError(t, err)
		ids, times = append(ids, id), append(times, at)
	}
	return ids, times
}

func pickName(i int) string {
	return []string{"even@example.com", "Odd <odd@example.com>"}[i%2]
}

func idsOf(list []any) (out []int64) {
	for _, v := range list {
		out = append(out, int64(v.(object)["id"].(float64)))
	}
	return out
}

func TestPaginatedListsCanBeFollowed(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys, SMSList: sandbox.ListPaginated, EmailList: sandbox.ListPaginated})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a", ProvisionPhone: true})
	c = c.as(id.UUID)
	ids, times := mails(t, r, id.Inbox, 120)

	var got []int64
	path := "/api/email-messages/"
	for pages := 1; ; pages++ {
		p := c.get(path).is(200).object()
		assert.EqualValues(t, 120, p["count"])
		got = append(got, idsOf(p["results"].([]any))...)
		if p["next"] == nil {
			assert.Equal(t, 3, pages, "50 a page")
			assert.NotNil(t, p["previous"])
			break
		}
		link, err := url.Parse(p["next"].(string))
		require.NoError(t, err)
		path = link.RequestURI()
	}
	assert.Equal(t, ids, got, "oldest first, none twice, none missing")

	after := c.get("/api/email-messages/?limit=3&created_after=" + url.QueryEscape(times[99].Format(time.RFC3339Nano))).is(200).object()
	assert.Equal(t, ids[100:103], idsOf(after["results"].([]any)))
	assert.EqualValues(t, 20, after["count"])
	assert.Contains(t, c.get("/api/email-messages/?created_after=yesterday").is(400).object(), "created_after")
	big := c.get("/api/email-messages/?limit=9999").is(200).object()
	assert.Len(t, big["results"], 120)
	odd := c.get("/api/email-messages/?from_email=odd@example.com").is(200).object()
	assert.EqualValues(t, 60, odd["count"])
	assert.EqualValues(t, 0, c.get("/api/email-messages/?direction=outgoing").is(200).object()["count"])
	assert.Contains(t, c.get("/api/email-messages/?direction=up").is(400).object(), "direction")
	assert.Contains(t, c.get("/api/messages/").is(200).object(), "results")
	assert.Equal(t, []any{}, c.get("/api/email-messages/?offset=500").is(200).object()["results"])
}

func TestKeyEraPaginatesOnDemand(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	ids, _ := mails(t, r, id.Inbox, 60)
	c = c.as(id.UUID)
	bare := c.get("/api/email-messages/?is_read=false").is(200).list()
	require.Len(t, bare, 60)
	assert.EqualValues(t, ids[59], bare[0]["id"])
	for _, q := range []string{"limit=10", "offset=0", "created_after=2026-01-01T00:00:00Z"} {
		page := c.get("/api/email-messages/?" + q).is(200).object()
		assert.Equal(t, ids[0], idsOf(page["results"].([]any))[0], q)
	}
}

func TestIgnoreFilters(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{IgnoreFilters: true})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	ids, _ := mails(t, r, id.Inbox, 60)
	all := c.as(id.UUID).get("/api/email-messages/?limit=3&direction=outgoing&created_after=2030-01-01T00:00:00Z").is(200).list()
	require.Len(t, all, 60, "a bare array has no pages")
	assert.EqualValues(t, ids[59], all[0]["id"], "newest first")
}

func TestListsAreOrderedByTimeNotByID(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	now := time.Now()
	for i, ago := range []time.Duration{time.Minute, time.Hour, 0} {
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: string(rune('a' + i)), At: now.Add(-ago)})
		require.NoError(t, err)
	}
	var got []string
	for _, m := range c.as(id.UUID).get("/api/messages/").is(200).list() {
		got = append(got, m["body"].(string))
	}
	assert.Equal(t, []string{"c", "a", "b"}, got)
}

func TestMarkRead(t *testing.T) {
	t.Parallel()
	for _, mark := range []bool{false, true} {
		r, c := start(t, sandbox.Config{MarkRead: mark})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		c = c.as(id.UUID)
		n, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "x"})
		require.NoError(t, err)
		_, err = r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "x@example.com", MessageID: "<m@x>"})
		require.NoError(t, err)
		require.Len(t, c.get("/api/messages/?is_read=false").is(200).list(), 1)
		require.Len(t, c.get("/api/email-inbox/?has_unread=true").is(200).list(), 1)
		c.get("/api/messages/" + itoa(n) + "/").is(200)
		c.get("/api/email-inbox/%3Cm@x%3E/").is(200)
		left := 1
		if mark {
			left = 0
		}
		assert.Len(t, c.get("/api/messages/?is_read=false").is(200).list(), left)
		assert.Len(t, c.get("/api/sms-inbox/?has_unread=true").is(200).list(), left)
		assert.Len(t, c.get("/api/email-inbox/?has_unread=true").is(200).list(), left)
		assert.Len(t, c.get("/api/email-inbox/?inbox="+itoa(id.EmailID)).is(200).list(), 1)
		assert.Empty(t, c.get("/api/email-inbox/?inbox=1").is(200).list())
	}
}

func TestPreviewsAreCut(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{PreviewLength: 10})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "Grüße,\nyour code is 123456"})
	require.NoError(t, err)
	assert.Equal(t, "Grüße, you", c.as(id.UUID).get("/api/sms-inbox/").is(200).list()[0]["preview"])
}

func TestGeneratorParameters(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{HidePasswords: true})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	c = c.as(id.UUID)
	gen := func(q string) string {
		return c.get("/api/passwords/generate-password/?" + q).is(200).object()["password"].(string)
	}
	assert.Len(t, gen(""), 16)
	assert.Regexp(t, `^[a-z]{40}$`, gen("length=40&special=false&digits=false&uppercase=false"))
	assert.NotContains(t, strings.Repeat(gen("length=128&exclude_chars=aeiou"), 1), "a")
	c.get("/api/passwords/generate-password/?special=false&digits=false&uppercase=false&lowercase=false").is(400)
	c.get("/api/passwords/generate-password/?length=4").is(400)
	c.get("/api/passwords/generate-password/?length=x").is(400)
	c.post("/api/passwords/", object{"domain": "example.com", "password": "p"}).is(201)
	assert.NotContains(t, c.get("/api/passwords/").is(200).list()[0], "password")
}

func TestKeyEraNamesEventsBySender(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		c.post("/api/contacts/", object{"email": "friend@example.com", "is_trusted": true}).is(201)
		events := c.listen(t.Context(), "")
		want := []string{"email_owner", "email_trusted", "email_untrusted"}
		if r.Server.Era() == sandbox.EraTokens {
			want = []string{"email", "email", "email"}
		}
		for i, from := range []string{"Owner <owner@example.com>", "friend@example.com", "x@example.com"} {
			_, err := r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: from, Subject: "s"})
			require.NoError(t, err)
			assert.Equal(t, want[i], next(t, events).Name)
		}
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "b"})
		require.NoError(t, err)
		last := next(t, events)
		assert.Equal(t, "sms", last.Name)
		if r.Server.Era() == sandbox.EraTokens {
			c.get("/api/events/").is(404)
			return
		}
		all := c.get("/api/events/").is(200).list()
		require.Len(t, all, 4)
		assert.Equal(t, "email.message.received", all[0]["type"])
		assert.Equal(t, last.ID, itoa(int64(all[3]["seq"].(float64))))
		assert.Len(t, c.get("/api/events/?event_types=sms.message.received").is(200).list(), 1)
		assert.Empty(t, c.get("/api/events/?since="+last.ID).is(200).list())
	})
}

func TestBadBodyOfAMissingEntry(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	c = c.as(r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"}).UUID)
	const missing = "/00000000-0000-4000-8000-000000000000/"
	c.patch("/api/secrets"+missing, object{"key": "1 x"}).is(400)
	c.patch("/api/secrets"+missing, object{"key": "A"}).is(404)
	c.patch("/api/passwords"+missing, object{"domain": "a b"}).is(400)
	c.patch("/api/passwords"+missing, object{"notes": "n"}).is(404)
	c.patch("/api/contacts"+missing, object{"email": "no address"}).is(404)
	for _, kind := range []string{"secrets", "passwords", "contacts"} {
		c.patch("/api/"+kind+missing, []string{"no object"}).is(400)
	}
}
