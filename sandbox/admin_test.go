package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// adminCall calls the admin handler of the server.
func adminCall(t *testing.T, s *sandbox.Server, method, path string, body any) answer {
	t.Helper()
	var buf bytes.Buffer
	if body != nil {
		require.NoError(t, json.NewEncoder(&buf).Encode(body))
	}
	req := httptest.NewRequestWithContext(t.Context(), method, path, &buf)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, req)
	return answer{t, w.Code, w.Header(), w.Body.Bytes()}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	admin := func(method, path string, body any) answer {
		t.Helper()
		return adminCall(t, r.Server, method, path, body)
	}

	acct := admin("POST", "/accounts", object{"email": "eve@example.com"}).is(201).object()
	c.token = acct["access_token"].(string)
	id := admin("POST", "/identities", object{"account": "eve@example.com", "name": "eve"}).is(201).object()
	c = c.as(id["uuid"].(string))
	n := admin("POST", "/sms", object{"to": id["phone"], "from": "+15559876543", "body": "code 1234"}).is(201).object()["id"]
	assert.Equal(t, n, c.get("/api/messages/").is(200).list()[0]["id"])
	admin("POST", "/email", object{"to": id["inbox"], "from": "x@example.com", "subject": "s", "html": "<p>hi</p>",
		"attachments": []object{{"filename": "a.txt", "content_type": "text/plain", "content": []byte("x")}}}).is(201)
	assert.Equal(t, "hi", c.get("/api/email-messages/").is(200).list()[0]["text_content"])
	assert.Len(t, admin("GET", "/identities", nil).is(200).list(), 1)

	admin("POST", "/sms", object{"to": "+1555", "from": "x", "body": "y"}).is(404)
	admin("POST", "/sms", object{"to": "+1555", "text": "y"}).is(400)
	admin("POST", "/identities", object{"account": "nobody@example.com"}).is(404)
	admin("POST", "/identities", object{"account": "eve@example.com", "email": "!"}).is(400)

	admin("POST", "/faults", object{"endpoint": "/api/messages/", "status": 503, "delay": "1ms"}).is(204)
	admin("POST", "/faults", []object{{"endpoint": "/api/email/", "status": 500}}).is(204)
	admin("POST", "/faults", object{"nonsense": 1}).is(400)
	assert.Len(t, admin("GET", "/faults", nil).is(200).list(), 2)
	c.get("/api/messages/").is(503)
	admin("DELETE", "/faults", nil).is(204)
	c.get("/api/email/").is(200)

	d := c.post("/api/auth/device/", nil).is(200).object()
	assert.Equal(t, d["user_code"], admin("GET", "/devices", nil).is(200).list()[0]["user_code"])
	admin("POST", "/devices/approve", object{"user_code": d["user_code"], "email": "eve@example.com"}).is(204)
	admin("POST", "/devices/deny", object{"user_code": d["user_code"]}).is(404)
	c.post("/api/auth/device/token/", object{"device_code": d["device_code"]}).is(200)

	events := c.listen(t.Context(), "")
	admin("POST", "/streams/drop", object{"identity": id["uuid"]}).is(204)
	for range events {
	}
	admin("POST", "/accounts/expire", object{"email": "eve@example.com"}).is(204)
	c.get("/api/messages/").is(401)
	admin("POST", "/accounts/revoke", object{"email": "eve@example.com"}).is(204)
	c.post("/api/auth/token/refresh/", object{"refresh": acct["refresh_token"]}).is(401)

	assert.NotEmpty(t, admin("GET", "/requests", nil).is(200).list())
	admin("DELETE", "/requests", nil).is(204)
	assert.Empty(t, r.Server.Requests())

	req := httptest.NewRequestWithContext(t.Context(), "POST", "/sms", bytes.NewReader([]byte(`{}`)))
	req.Header.Set("Content-Type", "text/plain") // what a web page can send unasked
	w := httptest.NewRecorder()
	r.Server.Admin().ServeHTTP(w, req)
	assert.Equal(t, http.StatusUnsupportedMediaType, w.Code)
}

func TestServeSMTP(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- r.Server.ServeSMTP(l) }()

	mail := "From: Shop <noreply@shop.example>\r\nTo: " + id.Inbox + "\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" +
		"Message-ID: <1@shop.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/html\r\n\r\n<p>Your code is <b>4711</b></p>\r\n" +
		"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nx\r\n--b--\r\n"
	require.NoError(t, smtp.SendMail(l.Addr().String(), nil, "bounce@shop.example", []string{id.Inbox}, []byte(mail)))
	got := c.as(id.UUID).get("/api/email-messages/").is(200).list()[0]
	assert.Equal(t, "Grüße", got["subject"])
	assert.Contains(t, got["text_content"], "4711")
	assert.Contains(t, got["html_content"], "<b>4711</b>")
	assert.Equal(t, "<1@shop.example>", got["message_id"])
	assert.Equal(t, "a.txt", got["attachments"].([]any)[0].(object)["filename"])

	err = smtp.SendMail(l.Addr().String(), nil, "x@shop.example", []string{"nobody@in.ravi.app"}, []byte(mail))
	require.ErrorContains(t, err, "550")
	c.delete("/api/identities/" + id.UUID + "/").is(204)
	err = smtp.SendMail(l.Addr().String(), nil, "x@shop.example", []string{id.Inbox}, []byte(mail))
	require.ErrorContains(t, err, "550", "mail to a deleted identity bounces")

	require.NoError(t, r.Server.Close())
	assert.NoError(t, <-served)
}
