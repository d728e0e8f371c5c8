package sandbox_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/nacl/box"

	"ravi-mcp/sandbox"
)

// unseal opens a sealed value with the account's keys.
func unseal(t *testing.T, a *sandbox.Account, v any) string {
	t.Helper()
	b64, sealed := strings.CutPrefix(v.(string), "e2e::")
	require.True(t, sealed, "%v is not sealed", v)
	return openBox(t, a, b64)
}

func openBox(t *testing.T, a *sandbox.Account, b64 string) string {
	t.Helper()
	dec := func(s string) []byte {
		b, err := base64.StdEncoding.DecodeString(s)
		require.NoError(t, err)
		return b
	}
	out, ok := box.OpenAnonymous(nil, dec(b64), (*[32]byte)(dec(a.PublicKey)), (*[32]byte)(dec(a.PrivateKey)))
	require.True(t, ok)
	return string(out)
}

func TestAccountWithPINGetsSealedMessages(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{RequireSealed: true})
	acct, err := r.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "123456"})
	require.NoError(t, err)
	_, err = r.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "654321"})
	require.ErrorIs(t, err, sandbox.ErrPIN)
	c.token = acct.AccessToken
	meta := c.get("/api/encryption/").is(200).object()
	assert.Equal(t, acct.PublicKey, meta["public_key"])
	assert.Equal(t, "ravi-e2e-verify", openBox(t, acct, meta["verifier"].(string)))
	salt, err := base64.StdEncoding.DecodeString(meta["salt"].(string))
	require.NoError(t, err)
	assert.Len(t, salt, 16)
	assert.Equal(t, "Encryption is already set up.", c.patch("/api/encryption/",
		object{"salt": meta["salt"], "public_key": meta["public_key"], "verifier": meta["verifier"]}).is(400).object()["detail"])

	id, err := r.Server.CreateIdentity(acct.Email, sandbox.NewIdentity{Name: "vault"})
	require.NoError(t, err)
	me := c.as(id.UUID)
	events := me.listen(t.Context(), "")
	_, err = r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "code 4711"})
	require.NoError(t, err)
	_, err = r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "x@example.com", Subject: "Subject", Text: "Text"})
	require.NoError(t, err)
	assert.Contains(t, next(t, events).Data, "code 4711", "events are plaintext")

	assert.Equal(t, "code 4711", unseal(t, acct, me.get("/api/messages/").is(200).list()[0]["body"]))
	conv := me.get("/api/sms-inbox/").is(200).list()[0]
	assert.Equal(t, "code 4711", unseal(t, acct, conv["preview"]))
	assert.Equal(t, "+15559876543", conv["from_number"])
	mail := me.get("/api/email-messages/").is(200).list()[0]
	assert.Equal(t, "Subject", unseal(t, acct, mail["subject"]))
	assert.Equal(t, "Text", unseal(t, acct, mail["text_content"]))
	assert.Equal(t, "", mail["html_content"], "nothing stays nothing")

	assert.Contains(t, me.post("/api/secrets/", object{"key": "K", "value": "plain"}).is(400).object(), "value")
	assert.Contains(t, me.post("/api/passwords/", object{"domain": "a.com", "password": "plain"}).is(400).object(), "password")
	kept := me.post("/api/secrets/", object{"key": "K", "value": "e2e::AAAA", "notes": ""}).is(201).object()
	assert.Equal(t, "e2e::AAAA", kept["value"], "what the client sealed is kept as it is")
}

func TestPlaintextAccountsHaveNoEncryption(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	c.get("/api/encryption/").is(404)
	fresh, err := r.Server.Account(sandbox.AccountConfig{Email: "fresh@example.com", AwaitKeys: true})
	require.NoError(t, err)
	c.token = fresh.AccessToken
	assert.Equal(t, "", c.get("/api/encryption/").is(200).object()["public_key"])
	bad := c.patch("/api/encryption/", object{"salt": "AAAA", "public_key": "!", "verifier": "e2e::AAAA"}).is(400).object()
	assert.Len(t, bad, 3)
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	c.patch("/api/encryption/", object{"salt": b64(16), "public_key": b64(32), "verifier": b64(63)}).is(200)
	assert.Equal(t, b64(32), c.get("/api/encryption/").is(200).object()["public_key"])
}

func TestEraTwoSealsOnlyTheVault(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{PlainMessages: true})
	acct, err := r.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "123456"})
	require.NoError(t, err)
	id, err := r.Server.CreateIdentity(acct.Email, sandbox.NewIdentity{Name: "a"})
	require.NoError(t, err)
	_, err = r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "plain"})
	require.NoError(t, err)
	c.token = acct.AccessToken
	assert.Equal(t, "plain", c.as(id.UUID).get("/api/messages/").is(200).list()[0]["body"])
}
