package tools_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/site"
	"ravi-mcp/sandbox"
)

// What the shortest way through a site costs a model. Both are bounds that may only fall: a tool
// that needs another call, or answers with more text, has to be worth it.
const (
	shortestCalls = 10
	shortestBytes = 5_000 // of all results, as a model reads them
	// shortestTokens are of the same, by a public tokenizer.
	shortestTokens = 1_800
)

// counted is an agent that counts what its calls cost.
type counted struct {
	*agent
	calls []string
	bytes int
	texts []string
}

// do calls a tool that has to succeed, and decodes the text that a model reads.
func do[T any](a *counted, tool string, arguments args) (v T) {
	a.t.Helper()
	r := a.call(tool, arguments)
	require.Len(a.t, r.Content, 1)
	a.calls = append(a.calls, tool)
	a.bytes += len(r.Content[0].Text)
	a.texts = append(a.texts, r.Content[0].Text)
	require.False(a.t, r.IsError, "%s: %s", tool, r.Content[0].Text)
	require.NoError(a.t, json.Unmarshal([]byte(r.Content[0].Text), &v))
	return v
}

// An agent that knows only the tools opens an account at a site with mail and SMS codes, switches
// two-factor authentication on, resets the password by mail, and logs in again. Messages come late,
// among others, and an impostor writes too.
func TestShortestWayThroughSite(t *testing.T) {
	var a *counted
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a = &counted{agent: h.connect(local())}
		s := site.New(site.Config{Domain: "nimbus.example", Name: "Nimbus", Mail: h.mail, SMS: h.sms})
		rules := func(arguments args) args {
			arguments["generate_length"], arguments["allowed_symbols"], arguments["show"] = 20, site.Symbols, true
			return arguments
		}

		me := do[created](a, "create_identity", args{"name": "agent-amber"})
		saved := do[struct{ Password string }](a, "save_credential", rules(args{"domain": "nimbus.example", "username": me.Address}))
		require.NoError(t, s.SignUp(me.Address, me.Phone, saved.Password))
		confirm := do[waited](a, "wait_for_otp", args{"cursor": me.Cursor, "service": "nimbus.example", "want": "link"})
		require.NoError(t, s.Open(me.Address, confirm.Link), "%+v", confirm)
		code := do[waited](a, "wait_for_otp", args{"cursor": confirm.Cursor, "channel": "sms"})
		require.NoError(t, s.Enter(me.Address, code.Code), "%+v", code)

		uri, err := s.SetUpTwoFactor(me.Address)
		require.NoError(t, err)
		do[any](a, "set_totp", args{"domain": "nimbus.example", "otpauth_uri": uri})
		backup, err := s.ConfirmTwoFactor(me.Address, do[totpCode](a, "get_totp", args{"domain": "nimbus.example"}).Code)
		require.NoError(t, err)
		do[any](a, "set_totp", args{"domain": "nimbus.example", "backup_codes": backup})

		s.ForgotPassword(me.Address)
		reset := do[waited](a, "wait_for_otp", args{"cursor": code.Cursor, "service": "nimbus.example", "want": "link"})
		renewed := do[struct{ Password string }](a, "update_credential", rules(args{"domain": "nimbus.example", "generate_password": true}))
		require.NoError(t, s.Reset(me.Address, reset.Link, renewed.Password), "%+v", reset)
		require.NoError(t, s.LogIn(me.Address, renewed.Password, do[totpCode](a, "get_totp", args{"domain": "nimbus.example"}).Code))

		s.Wait()
		t.Logf("%d calls (at most %d), %d bytes of results (at most %d): %v", len(a.calls), shortestCalls, a.bytes, shortestBytes, a.calls)
		assert.LessOrEqual(t, len(a.calls), shortestCalls)
		assert.LessOrEqual(t, a.bytes, shortestBytes)
	})
	t.Run("tokens", func(t *testing.T) {
		sum := 0
		for _, n := range countTokens(t, a.texts) {
			sum += n
		}
		t.Logf("%d tokens of results (at most %d)", sum, shortestTokens)
		assert.LessOrEqual(t, sum, shortestTokens)
	})
}
