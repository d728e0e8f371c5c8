package tools_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

func TestMissingCredentialErrorsSayHowToProvideOne(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.build(func() (*ravi.Client, error) { return nil, config.ErrNoCredentials })
	a := h.connect(local())
	for _, d := range definitions(t, a) {
		if d.Name == "generate_password" { // asks Ravi nothing
			continue
		}
		body := refused(t, a.call(d.Name, minimal(d)))
		assert.Equal(t, fault.NotAuthenticated, body.Code, d.Name)
		for _, way := range []string{"RAVI_API_KEY", "RAVI_ACCESS_TOKEN", "RAVI_CONFIG_DIR", "--sandbox"} {
			assert.Contains(t, body.Hint, way, d.Name)
		}
		assert.False(t, body.Retryable)
	}
}

func TestALoginRepairsARunningServer(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	loggedIn := false
	h.build(func() (*ravi.Client, error) {
		if !loggedIn {
			return nil, config.ErrNoCredentials
		}
		return h.connectRavi(h.credentials())
	})
	a := h.connect(local())
	refused(t, a.call("list_identities", nil))
	loggedIn = true
	ok[map[string]any](t, a.call("list_identities", nil))
}

func TestWithoutAnIdentityEveryToolSaysHowToNameOne(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	for _, d := range definitions(t, a) {
		var schema struct {
			Properties map[string]any
			Required   []string
		}
		require.NoError(t, json.Unmarshal(d.InputSchema, &schema))
		_, takesIdentity := schema.Properties["identity"]
		if !takesIdentity || slices.Contains(schema.Required, "identity") {
			continue
		}
		body := refused(t, a.call(d.Name, minimal(d)))
		assert.Equal(t, fault.IdentityRequired, body.Code, d.Name)
		assert.Contains(t, body.Hint, "create_identity", d.Name)
	}
}

// S1: the failures of docs/ravi-api.md#failure-table, each provoked at Ravi and read through a
// tool.
func TestFailuresOfRaviAsToolErrors(t *testing.T) {
	list := "/api/identities/"
	for name, c := range map[string]struct {
		fault     sandbox.Fault
		tool      string
		arguments args
		want      fault.Code
		retryable bool
		after     int
	}{
		"plan":       {sandbox.Fault{Method: "POST", Endpoint: list, Status: 402, Count: 1}, "create_identity", args{"name": "x"}, fault.SubscriptionRequired, false, 0},
		"conflict":   {sandbox.Fault{Method: "POST", Endpoint: list, Status: 409, Count: 1}, "create_identity", args{"name": "x"}, fault.Conflict, false, 0},
		"validation": {sandbox.Fault{Method: "POST", Endpoint: list, Status: 400, Count: 1}, "create_identity", args{"name": "x"}, fault.InvalidArgument, false, 0},
		"forbidden":  {sandbox.Fault{Method: "GET", Endpoint: list, Status: 403, Count: 1}, "list_identities", nil, fault.Forbidden, false, 0},
		"throttled":  {sandbox.Fault{Method: "GET", Endpoint: list, Status: 429, RetryAfter: 90, Count: 99}, "list_identities", nil, fault.RateLimited, true, 90},
		"outage":     {sandbox.Fault{Method: "GET", Endpoint: list, Status: 503, Count: 99}, "list_identities", nil, fault.Unavailable, true, 0},
		"garbage":    {sandbox.Fault{Method: "GET", Endpoint: list, Truncate: true, Count: 99}, "list_identities", nil, fault.Unavailable, true, 0},
		"cut":        {sandbox.Fault{Method: "GET", Endpoint: list, Cut: true, Count: 99}, "list_identities", nil, fault.Unavailable, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				h.ravi.Server.Faults().Add(c.fault)
				body := refused(t, h.connect(local()).call(c.tool, c.arguments))
				assert.Equal(t, c.want, body.Code)
				assert.Equal(t, c.retryable, body.Retryable)
				assert.Equal(t, c.after, body.RetryAfterSeconds)
			})
		})
	}
}

func TestExpiredTokenOfEnvironmentCannotBeRefreshed(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	require.NoError(t, h.ravi.Server.RevokeTokens(h.ravi.Account.Email))
	body := refused(t, h.connect(local()).call("list_identities", nil))
	assert.Equal(t, fault.TokenExpired, body.Code)
	assert.Contains(t, body.Hint, "RAVI_ACCESS_TOKEN")
	assert.False(t, body.Retryable)
}

func TestCiphertextWithoutAKeyIsLocked(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	sealed, err := h.ravi.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "123456"})
	require.NoError(t, err)
	h.ravi.Account = sealed
	withKeys := h.connect(local())
	me := ok[created](t, withKeys.call("create_identity", args{"name": "sealed"}))
	ok[map[string]any](t, withKeys.call("set_secret", args{"name": "API_KEY", "value": "v"}))

	h.build(func() (*ravi.Client, error) {
		return h.connectRavi(config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(sealed.AccessToken)})
	})
	r := h.connect(local()).call("get_secret", args{"identity": me.Identity.UUID, "name": "API_KEY"})
	body := refused(t, r)
	assert.Equal(t, fault.Locked, body.Code)
	assert.NotContains(t, string(r.raw), "e2e::")
}

func TestTheCallerWhoCreatedAnIdentityMayDeleteIt(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "another"})
	a := h.connect(local())
	mine := ok[created](t, a.call("create_identity", args{"name": "mine"}))
	ok[map[string]any](t, a.call("delete_identity", args{"identity": mine.Identity.UUID}))
	require.Len(t, h.ravi.Server.Identities(), 1)
	body := refused(t, a.call("get_identity", nil))
	assert.Equal(t, fault.IdentityRequired, body.Code, "the session is not bound to what is gone")
}

func TestARaviThatCannotDeleteSaysWhatRemains(t *testing.T) {
	h := newSystem(t, sandbox.Config{NoDelete: true})
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "mine"}))
	body := refused(t, a.call("delete_identity", args{"identity": "mine"}))
	assert.Equal(t, fault.Unsupported, body.Code)
	assert.Contains(t, body.Message, "still exists")
}

func TestCreateIdentityReusesOrRefusesAName(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	first := ok[created](t, a.call("create_identity", args{"name": "worker"}))
	body := refused(t, a.call("create_identity", args{"name": "worker"}))
	assert.Equal(t, fault.Conflict, body.Code)
	assert.Contains(t, body.Message, first.Identity.UUID, "the conflict names what exists")
	again := ok[created](t, a.call("create_identity", args{"name": "worker", "if_exists": "reuse"}))
	assert.False(t, again.Created)
	assert.Equal(t, first.Identity.UUID, again.Identity.UUID)

	for _, bad := range []string{"a@b", "2f1c7f0e-8a52-4a6f-9a61-0d8a1ce2a9f1", " x", "x\u0007", ""} {
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("create_identity", args{"name": bad})).Code, "%q", bad)
	}
}

func TestOneCreatorPerName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		var answers []<-chan json.RawMessage
		for range 10 {
			answer, _ := h.connect(local()).beginCall("create_identity", args{"name": "the-one", "if_exists": "reuse"})
			answers = append(answers, answer)
		}
		made := 0
		for _, answer := range answers {
			if ok[created](t, parse(t, <-answer)).Created {
				made++
			}
		}
		assert.Equal(t, 1, made)
		assert.Len(t, h.ravi.Server.Identities(), 1)
	})
}

// Forty real waits do not delay another call: it is answered while the clock stands still.
func TestFortyWaitsDoNotDelayAnotherCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "busy"}))
		var waits []<-chan json.RawMessage
		for range 40 {
			answer, _ := a.beginCall("wait_for_otp", args{"cursor": me.Cursor, "timeout_seconds": 40})
			waits = append(waits, answer)
		}
		synctest.Wait()
		before := time.Now()
		ok[map[string]any](t, a.call("get_identity", nil))
		assert.Zero(t, time.Since(before))
		h.sms(me.Phone, "32665", "Your code is 777888")
		for _, wait := range waits {
			assert.Equal(t, "777888", ok[waited](t, parse(t, <-wait)).Code)
		}
		assert.LessOrEqual(t, h.ravi.Server.CountRequests("GET", "/api/events/stream/"), 1, "forty waits share one stream")
	})
}

func TestLockedMessagesAreMarkedAndNotShown(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	sealed, err := h.ravi.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: "123456"})
	require.NoError(t, err)
	h.ravi.Account = sealed
	me := ok[created](t, h.connect(local()).call("create_identity", args{"name": "sealed"}))
	h.sms(me.Phone, "32665", "Your code is 123321")
	h.mail(me.Address, "x@y.example", "Subject", "Text", "<p>Text</p>")

	h.build(func() (*ravi.Client, error) {
		return h.connectRavi(config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(sealed.AccessToken)})
	})
	a := h.connect(local())
	r := a.call("list_messages", args{"identity": me.Identity.UUID})
	list := ok[struct {
		Messages []struct {
			ID      string `json:"message_id"`
			Preview string
			Locked  bool
		}
	}](t, r)
	require.Len(t, list.Messages, 2)
	for _, m := range list.Messages {
		assert.True(t, m.Locked, m.ID)
		assert.Empty(t, m.Preview)
		assert.Equal(t, fault.Locked, refused(t, a.call("read_message", args{"identity": me.Identity.UUID, "message_id": m.ID})).Code)
	}
	assert.NotContains(t, string(r.raw), "e2e::")
}
