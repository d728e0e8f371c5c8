package sandbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

func TestTokenEraRequiresAnIdentity(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	mine := r.CreateIdentity(t, sandbox.NewIdentity{Name: "mine"})
	_, err := r.Server.Account(sandbox.AccountConfig{Email: "eve@example.com"})
	require.NoError(t, err)
	theirs, err := r.Server.CreateIdentity("eve@example.com", sandbox.NewIdentity{Name: "theirs"})
	require.NoError(t, err)

	for _, path := range []string{"/api/email/", "/api/phone/", "/api/email-inbox/", "/api/email-messages/",
		"/api/sms-inbox/", "/api/messages/", "/api/passwords/", "/api/secrets/", "/api/vault/", "/api/contacts/", "/api/events/stream/"} {
		assert.Contains(t, c.get(path).is(400).object()["detail"], "X-Ravi-Identity", path)
		c.as(theirs.UUID).get(path).is(404)
		c.as("abc-123").get(path).is(404)
		if path != "/api/events/stream/" {
			c.as(mine.UUID).get(path).is(200)
		}
		none := c
		none.token = ""
		assert.Equal(t, "Authentication credentials were not provided.", none.get(path).is(401).object()["detail"])
		none.token = "ravi_id_0000"
		assert.Equal(t, "Token is invalid", none.get(path).is(401).object()["detail"])
	}
	c.as(theirs.UUID).get("/api/identities/").is(200) // ignored where no identity is wanted
	c.get("/api/identities/" + theirs.UUID + "/").is(404)
	c.delete("/api/identities/" + theirs.UUID + "/").is(404)
	assert.Empty(t, r.Server.Requests()[0].Header.Get("Authorization"), "records hold no credential")
	assert.NotEmpty(t, r.Server.Requests()[0].Fingerprint)
}

func TestRefreshRotatesAndRevokes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{TokenLife: 5 * time.Minute})
		c.get("/api/identities/").is(200)
		time.Sleep(5 * time.Minute)
		assert.Equal(t, "Token is invalid", c.get("/api/identities/").is(401).object()["detail"])

		anyone := c
		anyone.token = ""
		pair := anyone.post("/api/auth/token/refresh/", object{"refresh": r.Account.RefreshToken}).is(200).object()
		require.NotEqual(t, r.Account.RefreshToken, pair["refresh"])
		anyone.post("/api/auth/token/refresh/", object{"refresh": r.Account.RefreshToken}).is(401)
		anyone.post("/api/auth/token/refresh/", object{"refresh": pair["access"]}).is(401)
		assert.Contains(t, anyone.post("/api/auth/token/refresh/", object{}).is(400).object(), "refresh")
		c.token = pair["access"].(string)
		c.get("/api/auth/user/").is(200)

		require.NoError(t, r.Server.ExpireAccess(r.Account.Email))
		c.get("/api/auth/user/").is(401)
		pair = anyone.post("/api/auth/token/refresh/", object{"refresh": pair["refresh"]}).is(200).object()
		c.token = pair["access"].(string)
		assert.Equal(t, "owner@example.com", c.get("/api/auth/user/").is(200).object()["email"])
		c.post("/api/auth/logout/", nil).is(204)
		c.get("/api/auth/user/").is(401)
		anyone.post("/api/auth/token/refresh/", object{"refresh": pair["refresh"]}).is(401)
	})
}

func TestRefreshWithoutRotationKeepsTheToken(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{KeepRefresh: true})
	for range 2 {
		got := c.post("/api/auth/token/refresh/", object{"refresh": r.Account.RefreshToken}).is(200).object()
		assert.NotContains(t, got, "refresh")
		c.token = got["access"].(string)
		c.get("/api/identities/").is(200)
	}
}

func TestBoundTokenNeedsNoHeader(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "b"})
	pair := c.post("/api/auth/bind-identity/", object{"identity": id.UUID}).is(200).object()
	c.post("/api/auth/bind-identity/", object{"identity": "nobody"}).is(404)
	b := c
	b.token = pair["access"].(string)
	assert.Equal(t, id.Inbox, b.get("/api/email/").is(200).list()[0]["email"])
	b.as(id.UUID).get("/api/email/").is(200)
	b.as(other.UUID).get("/api/email/").is(404)
	b.get("/api/identities/").is(403)
	next := b.post("/api/auth/token/refresh/", object{"refresh": pair["refresh"]}).is(200).object()
	b.token = next["access"].(string)
	assert.Equal(t, id.Inbox, b.get("/api/email/").is(200).list()[0]["email"], "still bound")
}

func TestKeyScopes(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
	made := c.post("/api/identities/", object{"name": "a", "provision_phone": true}).is(201).object()
	uuid := made["uuid"].(string)
	other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "b", ProvisionPhone: true})

	own := c
	own.token = made["api_key"].(string)
	own.get("/api/passwords/").is(200)
	own.as(uuid).get("/api/passwords/").is(200)
	own.as(other.UUID).get("/api/passwords/").is(404)
	own.get("/api/identities/").is(403)
	own.post("/api/identities/", object{"name": "c"}).is(403)
	own.delete("/api/identities/" + uuid + "/").is(403)
	own.get("/api/identities/" + uuid + "/").is(200)
	own.get("/api/identities/" + other.UUID + "/").is(404)

	assert.Equal(t, "Identity-scoped key required.", c.get("/api/passwords/").is(403).object()["detail"])
	c.as(uuid).get("/api/passwords/").is(200)
	c.as("nobody").get("/api/passwords/").is(404)
	assert.Len(t, c.get("/api/phone/").is(200).list(), 2, "a management key lists the whole account")
	assert.Len(t, c.as(uuid).get("/api/phone/").is(200).list(), 1)

	minted := c.post("/api/auth/keys/identity/", object{"identity_uuid": uuid, "label": "cli"}).is(201).object()
	assert.Equal(t, uuid, minted["identity_uuid"])
	own.token = minted["key"].(string)
	assert.Equal(t, made["inbox"], own.get("/api/email/").is(200).list()[0]["email"])
	keys := own.get("/api/auth/keys/identity/").is(200).list()
	require.Len(t, keys, 2)
	assert.NotContains(t, keys[0], "key", "a key is shown once")
	require.NoError(t, r.Server.RevokeKey(own.token))
	own.get("/api/email/").is(401)

	second := c.post("/api/auth/keys/management/", object{"label": "ci"}).is(201).object()["key"].(string)
	own.token = second
	own.get("/api/identities/").is(200)
	assert.Len(t, c.get("/api/auth/keys/management/").is(200).list(), 2)

	c.delete("/api/identities/" + uuid + "/").is(204)
	own.token = made["api_key"].(string)
	own.get("/api/email/").is(401) // the keys of a deleted identity die with it

	c.post("/api/auth/token/refresh/", object{"refresh": "x"}).is(404)
	c.get("/api/encryption/").is(404)
}

func TestEraThreeIgnoresTheIdentityParameter(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys, NoIdentityQuery: true})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a", ProvisionPhone: true})
	r.CreateIdentity(t, sandbox.NewIdentity{Name: "b", ProvisionPhone: true})
	c.as(id.UUID).get("/api/messages/").is(403)
	assert.Len(t, c.as(id.UUID).get("/api/phone/").is(200).list(), 2)
}

func TestUnknownRoutesAnswerLikeDjango(t *testing.T) {
	t.Parallel()
	_, c := start(t, sandbox.Config{NoDelete: true, NoIdentityGet: true, NoStream: true})
	moved := c.get("/api/identities?x=1").is(301)
	assert.Equal(t, "/api/identities/?x=1", moved.Header.Get("Location"))
	c.post("/api/identities", object{"name": "a"}).is(404)
	assert.Contains(t, c.get("/api/nothing/").is(404).Header.Get("Content-Type"), "text/html")
	assert.Contains(t, c.get("/api/events/stream/").is(404).Header.Get("Content-Type"), "text/html")
	no := c.patch("/api/identities/", object{}).is(405)
	assert.Equal(t, "GET, POST", no.Header.Get("Allow"))
	assert.Equal(t, `Method "PATCH" not allowed.`, no.object()["detail"])
	c.delete("/api/identities/x/").is(405)
	c.get("/api/identities/x/").is(405)
	c.patch("/api/identities/x/", object{"name": "a"}).is(405) // PUT in this era
	c.get("/api/../api/identities/").is(404)
	c.get("/api//identities/").is(404)
}

func TestBodiesAreValidated(t *testing.T) {
	t.Parallel()
	_, c := start(t, sandbox.Config{})
	assert.Contains(t, c.post("/api/identities/", object{"name": " "}).is(400).object(), "name")
	assert.Contains(t, c.post("/api/identities/", object{"name": nil}).is(400).object(), "name")
	assert.Contains(t, c.post("/api/identities/", object{"name": []int{1}}).is(400).object(), "name")
	assert.Contains(t, c.post("/api/identities/", []int{1}).is(400).object(), "non_field_errors")
	for _, email := range []string{"ab", "-abc", "a..b", "a--b", "UPPER", "x@elsewhere.example", "a b c"} {
		assert.Contains(t, c.post("/api/identities/", object{"email": email}).is(400).object(), "email", email)
	}
	assert.Equal(t, "ada.l@in.ravi.app", c.post("/api/identities/", object{"name": "A", "email": "ada.l"}).is(201).object()["inbox"])
	c.post("/api/identities/", object{"name": "B", "email": "ada.l@in.ravi.app"}).is(409)

	req := c.request("POST", "/api/identities/", object{"name": "a"})
	req.Header.Set("Content-Type", "text/plain")
	c.send(req).is(415)
	req = c.request("POST", "/api/identities/", nil)
	req.Header.Set("Content-Type", "application/json")
	made := c.send(req).is(201).object()
	assert.NotEmpty(t, made["name"], "a name is invented")
}

func TestAccountWithoutPlanGets402(t *testing.T) {
	t.Parallel()
	r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
	id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "a"})
	require.NoError(t, r.Server.SetPlan(r.Account.Email, false))
	refused := c.post("/api/identities/", object{"name": "b"}).is(402).object()
	assert.Equal(t, object{"detail": "Active subscription required.", "code": "subscription_required"}, refused)
	c.post("/api/identities/"+id.UUID+"/provision-phone/", nil).is(402)
	c.token = id.Key
	c.post("/api/sso/token/", nil).is(402)
}
