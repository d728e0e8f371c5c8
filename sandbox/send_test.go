package sandbox_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestMailBetweenTwoIdentities(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{EmailList: sandbox.ListBare}, func(t *testing.T, r *sandboxtest.Instance, ada client, id sandbox.IdentityInfo) {
		other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "bob"})
		bob := ada.as(other.UUID)
		inbox := ada.get("/api/email/").is(200).list()[0]["id"].(float64)
		at := "/api/email-messages/compose/?inbox=" + itoa(int64(inbox))
		sent := ada.post(at, object{"to_email": other.Inbox, "subject": "Hi", "content": "<p>Hello Bob</p>",
			"cc": []string{"carol@example.com"}, "bcc": []string{"dan@example.com"}}).is(201).object()
		assert.Equal(t, "outgoing", sent["direction"])
		assert.Equal(t, id.Inbox, sent["from_email"])
		assert.Equal(t, "carol@example.com", sent["cc"], "a string when read")
		assert.NotContains(t, sent, "bcc")

		got := bob.get("/api/email-messages/").is(200).list()[0]
		assert.Equal(t, "Hello Bob", got["text_content"])
		assert.Equal(t, sent["message_id"], got["message_id"])
		assert.Equal(t, "incoming", got["direction"])

		answer := object{"content": "<p>Hello Ada</p>"}
		replyAt := "/api/email-messages/" + itoa(int64(got["id"].(float64))) + "/reply-all/"
		if r.Server.Era() == sandbox.EraTokens {
			assert.Contains(t, bob.post(replyAt, answer).is(400).object(), "subject", "era 1 cannot derive it")
			answer["subject"] = "Re: Hi"
		}
		back := bob.post(replyAt, answer).is(201).object()
		assert.Equal(t, "Re: Hi", back["subject"])
		assert.Equal(t, id.Inbox, back["to_email"])
		assert.Equal(t, "carol@example.com", back["cc"], "reply-all keeps the others and leaves out oneself")
		threads := ada.get("/api/email-inbox/").is(200).list()
		require.Len(t, threads, 1)
		assert.EqualValues(t, 2, threads[0]["message_count"], "the answer lands in the same thread")

		fwd := bob.post("/api/email-messages/"+itoa(int64(got["id"].(float64)))+"/forward/",
			object{"to_email": "eve@example.com", "content": "<p>See</p>", "subject": "Fwd: Hi"}).is(201).object()
		assert.Contains(t, fwd["text_content"], "Hello Bob")
		assert.Equal(t, "Fwd: Hi", fwd["subject"])
		bob.post("/api/email-messages/99999/reply/", answer).is(404)
		bob.post(at, object{"to_email": "x@example.com", "subject": "", "content": ""}).is(404) // Ada's inbox
		assert.Contains(t, ada.post("/api/email-messages/compose/", object{}).is(400).object(), "inbox")
		wrong := ada.post(at, object{"to": "x@example.com", "body": "x", "cc": "a@example.com"}).is(400).object()
		for _, name := range []string{"to_email", "subject", "content", "cc"} {
			assert.Contains(t, wrong, name, "the field names of the documentation are wrong")
		}
		contact := bob.get("/api/contacts/find/?email=" + id.Inbox).is(200).object()
		assert.Equal(t, "auto", contact["source"])
	})
}

func TestAttachmentsAreUploadedByLink(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		announce := object{"filename": "notes.txt", "content_type": "text/plain", "size": 5}
		p := c.post("/api/email-attachments/presign/", announce).is(201).object()
		assert.NotEmpty(t, p["storage_key"])
		put := func(url, contentType, content, auth string) int {
			req, err := http.NewRequestWithContext(t.Context(), "PUT", url, bytes.NewReader([]byte(content)))
			require.NoError(t, err)
			req.Header.Set("Content-Type", contentType)
			if auth != "" {
				req.Header.Set("Authorization", auth)
			}
			res, err := r.Client.Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			return res.StatusCode
		}
		link := p["upload_url"].(string)
		compose := "/api/email-messages/compose/?inbox=" + itoa(id.EmailID)
		mail := object{"to_email": id.Inbox, "subject": "to myself", "content": "x", "attachment_uuids": []any{p["uuid"]}}
		assert.Contains(t, c.post(compose, mail).is(400).object(), "attachment_uuids", "not uploaded yet")

		assert.Equal(t, 400, put(link, "text/plain", "hello", "Bearer "+c.token), "no credential on the way to the store")
		assert.Equal(t, 403, put(link, "text/html", "hello", ""))
		assert.Equal(t, 403, put(link, "text/plain", "hello!", ""))
		assert.Equal(t, 403, put(link+"x", "text/plain", "hello", ""))
		chunked, err := http.NewRequestWithContext(t.Context(), "PUT", link, io.MultiReader(bytes.NewReader([]byte("hello"))))
		require.NoError(t, err)
		chunked.ContentLength = -1
		chunked.Header.Set("Content-Type", "text/plain")
		anonymous := c
		anonymous.token = ""
		anonymous.send(chunked).is(403) // no length announced
		assert.Equal(t, 200, put(link, "text/plain", "hello", ""))

		sent := c.post(compose, mail).is(201).object()
		files := sent["attachments"].([]any)
		require.Len(t, files, 1)
		file := files[0].(object)
		assert.Equal(t, "notes.txt", file["filename"])
		assert.EqualValues(t, 5, file["size"])
		res, err := r.Client.Get(file["download_url"].(string))
		require.NoError(t, err)
		defer res.Body.Close()
		content, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, "hello", string(content))

		announce["filename"] = "run.EXE"
		assert.Contains(t, c.post("/api/email-attachments/presign/", announce).is(400).object(), "filename")
		announce["filename"], announce["size"] = "big.bin", 10<<20+1
		assert.Contains(t, c.post("/api/email-attachments/presign/", announce).is(400).object(), "size")
		announce["filename"], announce["size"] = "run.py", 10<<20
		c.post("/api/email-attachments/presign/", announce).is(201)
	})
}

func TestAccountUploadMovesToTheSender(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
	c.post("/api/email-attachments/presign/", object{"filename": "a.txt", "content_type": "text/plain", "size": 1}).is(403)
	r.CreateIdentity(t, sandbox.NewIdentity{Name: "first"})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "sender"})
	third := r.CreateIdentity(t, sandbox.NewIdentity{Name: "third"})
	p := c.post("/api/email-attachments/presign/", object{"filename": "a.txt", "content_type": "text/plain", "size": 1}).is(201).object()
	req, err := http.NewRequestWithContext(t.Context(), "PUT", p["upload_url"].(string), bytes.NewReader([]byte("x")))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "text/plain")
	c.send(req).is(200)
	mail := object{"to_email": "x@example.com", "subject": "s", "content": "c", "attachment_uuids": []any{p["uuid"]}}
	c.as(id.UUID).post("/api/email-messages/compose/?inbox="+itoa(id.EmailID), mail).is(201)
	c.as(third.UUID).post("/api/email-messages/compose/?inbox="+itoa(third.EmailID), mail).is(400)
}

func TestTextsBetweenTwoIdentities(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		if r.Server.Era() == sandbox.EraTokens {
			c.post("/api/messages/send/", object{"to_number": "+15550001111", "body": "x"}).is(405)
			return
		}
		other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "b", ProvisionPhone: true})
		mute := r.CreateIdentity(t, sandbox.NewIdentity{Name: "c"})
		sent := c.post("/api/messages/send/", object{"to_number": other.Phone, "body": "hello"}).is(201).object()
		assert.Equal(t, "outgoing", sent["direction"])
		assert.Equal(t, "hello", c.as(other.UUID).get("/api/messages/").is(200).list()[0]["body"])
		assert.Contains(t, c.post("/api/messages/send/", object{"to_number": "0123", "body": "x"}).is(400).object(), "to_number")
		c.as(mute.UUID).post("/api/messages/send/", object{"to_number": other.Phone, "body": "x"}).is(400)
		_, err := r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: other.Phone, Body: "hi back"})
		require.NoError(t, err)
		conv := c.get("/api/sms-inbox/").is(200).list()
		require.Len(t, conv, 1, "both directions are one conversation")
		assert.EqualValues(t, 2, conv[0]["message_count"])
		assert.EqualValues(t, 1, conv[0]["unread_count"])
	})
}

func TestEmailLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{EmailHourly: 2, EmailDaily: 3, UploadsHourly: 1, TokenLife: 48 * time.Hour})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		c = c.as(id.UUID)
		send := func() answer {
			return c.post("/api/email-messages/compose/?inbox="+itoa(id.EmailID),
				object{"to_email": "x@example.com", "subject": "s", "content": "c"})
		}
		send().is(201)
		time.Sleep(20 * time.Minute)
		send().is(201)
		refused := send().is(429)
		assert.EqualValues(t, 40*60, refused.object()["retry_after_seconds"])
		assert.Equal(t, "2400", refused.Header.Get("Retry-After"))
		time.Sleep(40 * time.Minute)
		send().is(201)
		time.Sleep(time.Hour)
		assert.EqualValues(t, 22*3600, send().is(429).object()["retry_after_seconds"], "the day is used up")

		file := object{"filename": "a.txt", "content_type": "text/plain", "size": 1}
		c.post("/api/email-attachments/presign/", file).is(201)
		c.post("/api/email-attachments/presign/", file).is(429)
	})
}

func TestContactsAreFoundByAddressAndName(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		made := c.post("/api/contacts/", object{"email": "Grace@Example.com", "display_name": "Grace Hopper", "is_trusted": true}).is(201).object()
		assert.Equal(t, "manual", made["source"])
		assert.Equal(t, true, made["is_trusted"])
		assert.Nil(t, made["last_interaction_dt"])
		c.post("/api/contacts/", object{"phone_number": "+15559876543", "nickname": "Al"}).is(201)
		assert.Contains(t, c.post("/api/contacts/", object{"email": "grace@example.com"}).is(400).object(), "email")
		assert.Contains(t, c.post("/api/contacts/", object{"nickname": "x"}).is(400).object(), "non_field_errors")
		assert.Contains(t, c.post("/api/contacts/", object{"email": "x", "is_trusted": "maybe"}).is(400).object(), "is_trusted")

		assert.Equal(t, made["uuid"], c.get("/api/contacts/find/?email=grace@example.com").is(200).object()["uuid"])
		assert.Equal(t, "Al", c.get("/api/contacts/find/?phone_number=%2B15559876543").is(200).object()["nickname"])
		c.get("/api/contacts/find/?email=anonymous@example.com").is(404)
		c.get("/api/contacts/find/").is(400)
		assert.Len(t, c.get("/api/contacts/search/?q=hop").is(200).list(), 1)
		assert.Empty(t, c.get("/api/contacts/search/?q=1555").is(200).list(), "numbers are not searched")

		_, err := r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "Grace <grace@example.com>", Subject: "s"})
		require.NoError(t, err)
		_, err = r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "unknown@example.com", Subject: "s"})
		require.NoError(t, err)
		at := "/api/contacts/" + made["uuid"].(string) + "/"
		assert.EqualValues(t, 1, c.get(at).is(200).object()["interaction_count"])
		c.get("/api/contacts/find/?email=unknown@example.com").is(404)

		assert.Equal(t, "Amazing", c.patch(at, object{"nickname": "Amazing"}).is(200).object()["nickname"])
		c.delete(at).is(204)
		c.get(at).is(404)
		assert.Len(t, c.get("/api/contacts/").is(200).list(), 1)
	})
}

func TestSSOTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
		id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
		assert.Equal(t, "Identity-scoped key required.", c.as(id.UUID).post("/api/sso/token/", nil).is(403).object()["detail"])
		own, site := c, c
		own.token, site.token = id.Key, ""
		tok := own.post("/api/sso/token/", nil).is(201).object()
		assert.Regexp(t, `^rvt_`, tok["token"])
		for range 2 {
			who := site.post("/api/sso/verify/", object{"token": tok["token"]}).is(200).object()
			assert.Equal(t, id.UUID, who["identity_uuid"])
			assert.Equal(t, object{"name": "Ada Lovelace", "email": "owner@example.com"}, who["owner"])
		}
		time.Sleep(5 * time.Minute)
		site.post("/api/sso/verify/", object{"token": tok["token"]}).is(400)
	})
}
