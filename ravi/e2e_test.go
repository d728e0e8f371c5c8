package ravi_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

const pin = "246810"

// sealedWorld is a token-era Ravi that takes nothing unsealed from an account with a PIN.
func sealedWorld(t testing.TB, cfg sandbox.Config) *world {
	t.Helper()
	cfg.RequireSealed, cfg.RecordBodies = true, true
	i := sandboxtest.Memory(t, cfg)
	account, err := i.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: pin})
	require.NoError(t, err)
	i.Account = account
	return &world{i, newClient(t, i, credentialsOf(account))}
}

// withoutKeys is a client that has the token only.
func (w *world) withoutKeys(t testing.TB) *ravi.Client {
	creds := credentialsOf(w.Account)
	creds.PrivateKey, creds.PublicKey = secret.Secret{}, secret.Secret{}
	return newClient(t, w.Instance, creds)
}

func TestSealedFieldsAreOpenedEverywhere(t *testing.T) {
	t.Parallel()
	w := sealedWorld(t, sandbox.Config{})
	id, scope := w.identity(t, "sealed")
	ctx := t.Context()
	mailID := deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "Hello", Text: "plain text", HTML: "<b>html</b>"})
	smsID, err := w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15550001111", Body: "code 123456"})
	require.NoError(t, err)

	mail, err := scope.EmailMessage(ctx, mailID)
	require.NoError(t, err)
	assert.Equal(t, [3]string{"Hello", "plain text", "<b>html</b>"}, [3]string{mail.Subject, mail.Text, mail.HTML})
	assert.Equal(t, "Hello", collect(t, scope.EmailMessages(ctx, ravi.MessageFilter{}))[0].Subject)
	threads, err := scope.EmailThreads(ctx, false)
	require.NoError(t, err)
	assert.Equal(t, "Hello", threads[0].Subject)
	assert.Equal(t, "plain text", threads[0].Preview)
	thread, err := scope.EmailThread(ctx, threads[0].ThreadID)
	require.NoError(t, err)
	assert.Equal(t, "Hello", thread.Subject)
	assert.Equal(t, "plain text", thread.Messages[0].Text)
	sms, err := scope.SMSMessage(ctx, smsID)
	require.NoError(t, err)
	assert.Equal(t, "code 123456", sms.Body)
	assert.Equal(t, "code 123456", collect(t, scope.SMSMessages(ctx, ravi.MessageFilter{}))[0].Body)
	conversations, err := scope.SMSConversations(ctx, false)
	require.NoError(t, err)
	assert.Equal(t, "code 123456", conversations[0].Preview)
	conversation, err := scope.SMSConversation(ctx, conversations[0].ConversationID)
	require.NoError(t, err)
	assert.Equal(t, "code 123456", conversation.Messages[0].Body)
}

func TestWritesAreSealed(t *testing.T) {
	t.Parallel()
	w := sealedWorld(t, sandbox.Config{})
	_, scope := w.identity(t, "sealed")
	ctx := t.Context()
	made, err := scope.CreatePassword(ctx, ravi.NewPassword{Domain: "example.com", Username: "me", Password: secret.New("p1")})
	require.NoError(t, err)
	body := map[string]string{}
	require.NoError(t, json.Unmarshal(lastRequest(w).Body, &body))
	assert.Equal(t, "example.com", body["domain"], "the domain is never sealed")
	assert.True(t, seal.Is(body["username"]) && seal.Is(body["password"]))
	assert.NotContains(t, body, "notes")
	assert.Equal(t, "me", made.Username, "the answer is plain")
	assert.Equal(t, "p1", made.Password.Reveal())

	// Only the changed field is sealed and sent; an empty one stays empty.
	p2, none := secret.New("p2"), secret.Secret{}
	changed, err := scope.UpdatePassword(ctx, made.UUID, ravi.PasswordUpdate{Password: &p2, Notes: &none})
	require.NoError(t, err)
	body = map[string]string{}
	require.NoError(t, json.Unmarshal(lastRequest(w).Body, &body))
	assert.Len(t, body, 2)
	assert.True(t, seal.Is(body["password"]))
	assert.Empty(t, body["notes"])
	assert.Equal(t, "me", changed.Username)
	list, err := scope.Passwords(ctx)
	require.NoError(t, err)
	assert.Equal(t, "me", list[0].Username)

	_, _, err = scope.SetSecret(ctx, "KEY", secret.New("e2e::looks sealed"), secret.New("note"))
	require.NoError(t, err)
	got, err := scope.Secret(ctx, "KEY")
	require.NoError(t, err)
	assert.Equal(t, "e2e::looks sealed", got.Value.Reveal(), "a value that only looks sealed survives")
	assert.Zero(t, w.Server.CountRequests("", "/api/encryption/"), "with keys at hand Ravi is not asked")
}

func TestValuesAreLockedWithoutKey(t *testing.T) {
	t.Parallel()
	w := sealedWorld(t, sandbox.Config{})
	id, scope := w.identity(t, "sealed")
	ctx := t.Context()
	made, err := scope.CreatePassword(ctx, ravi.NewPassword{Domain: "example.com", Username: "me", Password: secret.New("canary")})
	require.NoError(t, err)
	_, _, err = scope.SetSecret(ctx, "KEY", secret.New("canary"), secret.Secret{})
	require.NoError(t, err)
	mailID := deliver(t, w, sandbox.Email{To: id.Inbox, From: "a@example.com", Subject: "canary", Text: "t"})
	smsID, err := w.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15550001111", Body: "canary"})
	require.NoError(t, err)

	blind := w.withoutKeys(t).Scope(id.UUID)
	threads, err := blind.EmailThreads(ctx, false)
	require.NoError(t, err)
	conversations, err := blind.SMSConversations(ctx, false)
	require.NoError(t, err)
	for name, err := range map[string]error{
		"password":     second(blind.Password(ctx, made.UUID)),
		"secret":       second(blind.Secret(ctx, "KEY")),
		"mail":         second(blind.EmailMessage(ctx, mailID)),
		"sms":          second(blind.SMSMessage(ctx, smsID)),
		"thread":       second(blind.EmailThread(ctx, threads[0].ThreadID)),
		"conversation": second(blind.SMSConversation(ctx, conversations[0].ConversationID)),
	} {
		require.ErrorIs(t, err, ravi.ErrLocked, name)
		assert.Contains(t, err.Error(), "--unlock", name)
		assert.NotContains(t, err.Error(), "e2e::", name)
	}
	list, err := blind.Passwords(ctx)
	require.NoError(t, err)
	assert.True(t, seal.Is(list[0].Username), "a list shows the ciphertext instead")
	assert.True(t, seal.Is(collect(t, blind.EmailMessages(ctx, ravi.MessageFilter{}))[0].Subject))

	// Writing needs only the public key, which Ravi has.
	written, err := blind.CreatePassword(ctx, ravi.NewPassword{Domain: "example.org", Username: "you", Password: secret.New("p")})
	require.NoError(t, err)
	assert.Equal(t, "p", written.Password.Reveal())
	opened, err := scope.Password(ctx, written.UUID)
	require.NoError(t, err)
	assert.Equal(t, "you", opened.Username)
}

func TestUnencryptedAccountIsWrittenPlain(t *testing.T) {
	t.Parallel()
	for name, account := range map[string]sandbox.AccountConfig{
		"404":            {Email: "plain@example.com"},
		"never set up":   {Email: "later@example.com", AwaitKeys: true},
		"plaintext_mode": {Email: "mode@example.com", PIN: pin},
	} {
		i := sandboxtest.Memory(t, sandbox.Config{RecordBodies: true})
		a, err := i.Server.Account(account)
		require.NoError(t, err)
		creds := credentialsOf(a)
		creds.Plaintext = name == "plaintext_mode"
		w := &world{i, newClient(t, i, creds)}
		_, scope := w.identity(t, "plain")
		for range 2 {
			_, err = scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com", Username: "me", Password: secret.New("p1")})
			require.NoError(t, err, name)
			assert.JSONEq(t, `{"domain":"example.com","username":"me","password":"p1"}`, string(lastRequest(w).Body), name)
		}
		assert.LessOrEqual(t, i.Server.CountRequests("", "/api/encryption/"), 1, "%s: asked once at most", name)
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	w := sealedWorld(t, sandbox.Config{})
	id, scope := w.identity(t, "sealed")
	made, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com", Username: "me", Password: secret.New("p1")})
	require.NoError(t, err)

	blind := w.withoutKeys(t)
	wrong := []byte("000000")
	_, _, _, err = blind.Unlock(t.Context(), wrong)
	require.ErrorIs(t, err, seal.ErrWrongPIN)
	assert.Equal(t, make([]byte, 6), wrong, "overwritten")
	_, _, _, err = blind.Unlock(t.Context(), []byte("12"))
	require.ErrorIs(t, err, seal.ErrPIN)
	right := []byte(pin)
	private, public, salt, err := blind.Unlock(t.Context(), right)
	require.NoError(t, err)
	assert.Equal(t, make([]byte, 6), right, "overwritten")
	assert.True(t, private.Equal(secret.New(w.Account.PrivateKey)))
	assert.True(t, public.Equal(secret.New(w.Account.PublicKey)))
	assert.True(t, salt.Equal(secret.New(w.Account.Salt)))
	got, err := blind.Scope(id.UUID).Password(t.Context(), made.UUID)
	require.NoError(t, err)
	assert.Equal(t, "p1", got.Password.Reveal())
}

func TestRegisterEncryption(t *testing.T) {
	t.Parallel()
	i := sandboxtest.Memory(t, sandbox.Config{})
	a, err := i.Server.Account(sandbox.AccountConfig{Email: "new@example.com", AwaitKeys: true})
	require.NoError(t, err)
	w := &world{i, newClient(t, i, credentialsOf(a))}
	meta, err := w.client.EncryptionMetadata(t.Context())
	require.NoError(t, err)
	assert.Empty(t, meta.PublicKey)
	_, public, err := w.client.RegisterEncryption(t.Context(), []byte(pin), make([]byte, 16))
	require.NoError(t, err)
	meta, err = w.client.EncryptionMetadata(t.Context())
	require.NoError(t, err)
	assert.Equal(t, public.Reveal(), meta.PublicKey)
	_, _, _, err = newClient(t, i, credentialsOf(a)).Unlock(t.Context(), []byte(pin))
	require.NoError(t, err)
	_, scope := w.identity(t, "sealed")
	made, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com", Password: secret.New("p")})
	require.NoError(t, err)
	assert.Equal(t, "p", made.Password.Reveal())
}

func TestUnlockWithoutEncryption(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	private, _, _, err := w.client.Unlock(t.Context(), []byte(pin))
	require.NoError(t, err)
	assert.True(t, private.Empty())
}

func TestDamagedKeysFailAtNew(t *testing.T) {
	t.Parallel()
	_, err := ravi.New(ravi.Config{Credentials: config.Credentials{Scheme: config.SchemeToken, PrivateKey: secret.New("canary")}})
	require.ErrorIs(t, err, seal.ErrKey)
	assert.NotContains(t, err.Error(), "canary")
}
