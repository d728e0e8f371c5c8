package sandbox_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

func TestDeviceLoginOfTheTokenEra(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		c.token = ""
		d := c.post("/api/auth/device/", nil).is(200).object()
		assert.Regexp(t, `^[A-Z]{4}-\d{4}$`, d["user_code"])
		assert.EqualValues(t, 900, d["expires_in"])
		assert.EqualValues(t, 5, d["interval"])
		poll := func() answer { return c.post("/api/auth/device/token/", object{"device_code": d["device_code"]}) }

		assert.Equal(t, "authorization_pending", poll().is(400).object()["error"])
		assert.Equal(t, "slow_down", poll().is(400).object()["error"])
		time.Sleep(5 * time.Second)
		assert.Equal(t, "authorization_pending", poll().is(400).object()["error"])
		require.Len(t, r.Server.Devices(), 1)
		require.NoError(t, r.Server.ApproveDevice(strings.ToLower(d["user_code"].(string)), "owner@example.com"))
		assert.ErrorIs(t, r.Server.ApproveDevice(d["user_code"].(string), "eve@example.com"), sandbox.ErrNoDevice)
		time.Sleep(5 * time.Second)
		got := poll().is(200).object()
		assert.Equal(t, "owner@example.com", got["user"].(object)["email"])
		assert.NotEmpty(t, got["refresh"])
		c.token = got["access"].(string)
		c.get("/api/identities/").is(200)
		assert.Equal(t, "invalid_grant", poll().is(400).object()["error"], "a code works once")
	})
}

func TestDeviceLoginExpiresOrIsDenied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{})
		begin := func() (code, user string) {
			d := c.post("/api/auth/device/", object{}).is(200).object()
			return d["device_code"].(string), d["user_code"].(string)
		}
		failure := func(code string) any {
			return c.post("/api/auth/device/token/", object{"device_code": code}).is(400).object()["error"]
		}
		code, user := begin()
		require.NoError(t, r.Server.DenyDevice(user))
		assert.Equal(t, "access_denied", failure(code))
		code, _ = begin()
		time.Sleep(15 * time.Minute)
		assert.Equal(t, "expired_token", failure(code))
		assert.Equal(t, "invalid_grant", failure("made up"))
		assert.Contains(t, c.post("/api/auth/device/token/", object{}).is(400).object(), "device_code")
	})
}

func TestDeviceLoginOfTheKeyEra(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := start(t, sandbox.Config{Era: sandbox.EraKeys})
		r.CreateIdentity(t, sandbox.NewIdentity{Name: "old"})
		login := func(email string) object {
			d := c.post("/api/auth/device/", nil).is(200).object()
			go func() {
				time.Sleep(7 * time.Second)
				_ = r.Server.ApproveDevice(d["user_code"].(string), email)
			}()
			began := time.Now()
			got := c.post("/api/auth/device/token/", object{"device_code": d["device_code"], "wait": true}).is(200).object()
			assert.Equal(t, 7*time.Second, time.Since(began), "wait answers as soon as it is decided")
			return got
		}
		in := login("owner@example.com")
		assert.NotContains(t, in, "identity_key")
		require.Len(t, in["identities"], 1)
		c.token = in["management_key"].(string)
		require.Len(t, c.get("/api/identities/").is(200).list(), 1)

		slow := c.post("/api/auth/device/", nil).is(200).object()
		began := time.Now()
		pending := c.post("/api/auth/device/token/", object{"device_code": slow["device_code"], "wait": true}).is(400).object()
		assert.Equal(t, "authorization_pending", pending["error"])
		assert.Equal(t, 25*time.Second, time.Since(began), "before a client with a timeout of 30 s gives up")

		up := login("new@example.com")
		assert.Regexp(t, `^ravi_id_`, up["identity_key"])
		c.token = up["identity_key"].(string)
		assert.Equal(t, up["identity"].(object)["inbox"], c.get("/api/email/").is(200).list()[0]["email"])
	})
}

func TestDeviceLoginTakesForms(t *testing.T) {
	t.Parallel()
	_, c := start(t, sandbox.Config{AutoApprove: "new@example.com"})
	d := c.post("/api/auth/device/", nil).is(200).object()
	req, err := http.NewRequestWithContext(t.Context(), "POST", c.ravi.URL+"/api/auth/device/token/",
		strings.NewReader(url.Values{"device_code": {d["device_code"].(string)}}.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	assert.Equal(t, "new@example.com", c.send(req).is(200).object()["user"].(object)["email"])
}
