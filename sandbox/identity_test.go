package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestIdentityLifecycle(t *testing.T) {
	t.Parallel()
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			r, c := start(t, sandbox.Config{Era: era})
			made := c.post("/api/identities/", object{"name": "my-agent"}).is(201).object()
			assert.Equal(t, "my-agent@in.ravi.app", made["inbox"])
			uuid := made["uuid"].(string)
			if era == sandbox.EraTokens {
				assert.Regexp(t, `^\+1555\d{7}$`, made["phone"])
				assert.NotContains(t, made, "api_key")
			} else {
				assert.Nil(t, made["phone"])
				assert.Regexp(t, `^ravi_id_`, made["api_key"])
				with := c.post("/api/identities/"+uuid+"/provision-phone/", object{"country_code": "US"}).is(201).object()
				assert.Regexp(t, `^\+1555\d{7}$`, with["phone"])
			}
			c.post("/api/identities/"+uuid+"/provision-phone/", nil).is(409)
			got := c.get("/api/identities/" + uuid + "/").is(200).object()
			assert.Equal(t, uuid, got["uuid"])
			assert.Equal(t, "renamed", c.do("PUT", "/api/identities/"+uuid+"/", object{"name": "renamed"}).is(200).object()["name"])
			require.Len(t, c.get("/api/identities/").is(200).list(), 1)

			me := c.as(uuid)
			assert.Equal(t, "my-agent@in.ravi.app", me.get("/api/email/").is(200).list()[0]["email"])
			assert.Equal(t, got["phone"], me.get("/api/phone/").is(200).list()[0]["phone_number"])
			assert.Equal(t, "Ada", me.get("/api/master/").is(200).object()["first_name"])

			a := c.delete("/api/identities/" + uuid + "/").is(204)
			assert.Empty(t, a.Body)
			c.delete("/api/identities/" + uuid + "/").is(404)
			me.get("/api/email/").is(404)
			assert.Empty(t, c.get("/api/identities/").is(200).list())
			_, err := r.Server.DeliverEmail(sandbox.Email{To: "my-agent@in.ravi.app", From: "x@example.com"})
			assert.ErrorIs(t, err, sandbox.ErrBounce)
			again := c.post("/api/identities/", object{"name": "my-agent"}).is(201).object()
			assert.Equal(t, "my-agent-2@in.ravi.app", again["inbox"], "addresses are never given again")
		})
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		e := c.post("/api/passwords/", object{"domain": "https://mail.google.co.uk/inbox", "username": "ada", "password": "p<&>w"}).is(201).object()
		assert.Equal(t, "google.co.uk", e["domain"])
		assert.Equal(t, "p<&>w", e["password"])
		assert.IsType(t, float64(0), e["identity"])
		at := "/api/passwords/" + e["uuid"].(string) + "/"
		changed := c.patch(at, object{"password": "new", "notes": ""}).is(200).object()
		assert.Equal(t, "ada", changed["username"])
		assert.Equal(t, "new", c.get(at).is(200).object()["password"])
		gen := c.post("/api/passwords/", object{"domain": "example.com"}).is(201).object()["password"].(string)
		if r.Server.Era() == sandbox.EraKeys {
			assert.Len(t, gen, 16, "the server makes one up")
		} else {
			assert.Empty(t, gen, "the client generates in this era")
		}
		other := r.CreateIdentity(t, sandbox.NewIdentity{Name: "other"})
		assert.Empty(t, c.as(other.UUID).get("/api/passwords/").is(200).list())
		assert.Equal(t, "No PasswordEntry matches the given query.", c.as(other.UUID).get(at).is(404).object()["detail"])
		c.delete(at).is(204)
		c.get(at).is(404)
		assert.Len(t, c.get("/api/passwords/").is(200).list(), 1)
	})
}

func TestSecretsHaveUniqueUpperCaseKeys(t *testing.T) {
	t.Parallel()
	eachEra(t, sandbox.Config{}, func(t *testing.T, r *sandboxtest.Instance, c client, id sandbox.IdentityInfo) {
		e := c.post("/api/secrets/", object{"key": "my_api_key", "value": "sk-1"}).is(201).object()
		assert.Equal(t, "MY_API_KEY", e["key"])
		twice := c.post("/api/secrets/", object{"key": "MY_API_KEY", "value": "sk-2"}).is(400).object()
		assert.Contains(t, twice, "key")
		assert.Contains(t, c.post("/api/secrets/", object{"key": "1x", "value": "v"}).is(400).object(), "key")
		assert.Contains(t, c.post("/api/secrets/", object{"key": "X"}).is(400).object(), "value")
		require.Len(t, c.get("/api/secrets/?key=MY_API_KEY").is(200).list(), 1)
		assert.Empty(t, c.get("/api/secrets/?key=my_api_key").is(200).list(), "the filter is exact")
		at := "/api/secrets/" + e["uuid"].(string) + "/"
		assert.Equal(t, "sk-3", c.patch(at, object{"value": "sk-3"}).is(200).object()["value"])
		vault := c.get("/api/vault/")
		if r.Server.Era() == sandbox.EraTokens {
			assert.Len(t, vault.is(200).list(), 1)
		} else {
			assert.Contains(t, vault.is(404).Header.Get("Content-Type"), "text/html", "not a route of this era")
		}
		c.delete(at).is(204)
		assert.Equal(t, "No SecretEntry matches the given query.", c.get(at).is(404).object()["detail"])
	})
}
