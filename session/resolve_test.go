package session_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

// fixture is an account with identities and a resolver over it.
type fixture struct {
	ravi     *sandboxtest.Instance
	account  *session.Account
	resolver *session.Resolver
	uuid     map[string]string // by name
}

func newFixture(t *testing.T, names ...string) *fixture {
	t.Helper()
	h := &fixture{ravi: sandboxtest.Memory(t, sandbox.Config{}), uuid: map[string]string{}}
	for _, name := range names {
		h.uuid[name] = h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: name}).UUID
	}
	h.account = &session.Account{Connect: func() (*ravi.Client, error) {
		return ravi.New(ravi.Config{
			Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(h.ravi.Account.AccessToken)},
			BaseURL:     "https://ravi.test", Transport: h.ravi.Server.RoundTripper(),
		})
	}}
	t.Cleanup(func() { _ = h.account.Close() })
	h.resolver = &session.Resolver{Account: h.account, Store: &session.Memory{}}
	return h
}

func local(rights ...string) session.Call {
	return session.Call{Caller: &session.Caller{Name: session.LocalCaller, Rights: session.Rights{Identities: rights}}, Session: "s"}
}

func codeOf(err error) fault.Code {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestFirstRuleThatAppliesDecides(t *testing.T) {
	h := newFixture(t, "argument", "session", "header", "server", "default", "file")
	call := local()
	call.Header = "header"
	call.Caller.DefaultIdentity = "default"
	h.resolver.Identity = "server"
	h.resolver.ConfigFile = func() (config.IdentityRef, error) { return config.IdentityRef{UUID: h.uuid["file"]}, nil }
	learn(t, h.resolver.Store, call.Key(), h.uuid["session"])

	steps := []struct {
		want, name string
		by         session.By
		remove     func()
		query      session.Query
	}{
		{"argument", "argument", session.ByArgument, func() {}, session.Query{Argument: "argument"}},
		{"cursor", "argument", session.ByCursor, func() {}, session.Query{CursorIdentity: h.uuid["argument"]}},
		{"session", "session", session.BySession, func() { call.Session = "" }, session.Query{}},
		{"header", "header", session.ByHeader, func() { call.Header = "" }, session.Query{}},
		{"server", "server", session.ByServer, func() { h.resolver.Identity = "" }, session.Query{}},
		{"default", "default", session.ByCallerDefault, func() { call.Caller.DefaultIdentity = "" }, session.Query{}},
		{"file", "file", session.ByConfigFile, func() { h.resolver.ConfigFile = nil }, session.Query{}},
	}
	for _, step := range steps {
		got, err := h.resolver.Resolve(t.Context(), call, step.query)
		require.NoError(t, err, step.want)
		assert.Equal(t, step.by, got.By)
		assert.Equal(t, h.uuid[step.name], got.Identity.UUID)
		step.remove()
	}
	_, err := h.resolver.Resolve(t.Context(), call, session.Query{})
	require.Equal(t, fault.IdentityRequired, codeOf(err))
	assert.Contains(t, fault.From(err).Hint, "create_identity")
	assert.NotContains(t, fault.From(err).Hint, "use_identity", "without a session there is nothing to bind")
}

func TestUnknownIdentityOfARuleIsAnError(t *testing.T) {
	h := newFixture(t, "real")
	h.resolver.Identity = "real"
	call := local()
	learn(t, h.resolver.Store, call.Key(), "00000000-0000-4000-8000-000000000000")
	_, err := h.resolver.Resolve(t.Context(), call, session.Query{})
	require.Equal(t, fault.IdentityNotFound, codeOf(err))
	assert.Contains(t, fault.From(err).Hint, "this session, whose identity was deleted")
}

func TestIdentityIsFoundByUUIDNameAndAddress(t *testing.T) {
	h := newFixture(t, "Sarah Johnson")
	identities, err := h.account.Identities(t.Context())
	require.NoError(t, err)
	require.Len(t, identities, 1)
	for _, ref := range []string{identities[0].UUID, "Sarah Johnson", identities[0].Inbox, "SARAH" + identities[0].Inbox[5:]} {
		got, err := h.resolver.Lookup(t.Context(), local(), ref)
		require.NoError(t, err, ref)
		assert.Equal(t, identities[0].UUID, got.UUID)
	}
	_, err = h.resolver.Lookup(t.Context(), local(), "sarah johnson")
	assert.Equal(t, fault.IdentityNotFound, codeOf(err), "names match exactly")
}

func TestNameOfTwoAllowedIdentitiesIsAmbiguous(t *testing.T) {
	h := newFixture(t, "twin")
	second := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "twin"}).UUID
	_, err := h.resolver.Lookup(t.Context(), local(), "twin")
	require.Equal(t, fault.IdentityAmbiguous, codeOf(err))
	assert.Contains(t, err.Error(), h.uuid["twin"])
	assert.Contains(t, err.Error(), second)
}

func TestForbiddenIdentityReadsLikeAMissingOne(t *testing.T) {
	h := newFixture(t, "research-1", "finance-1")
	call := local("research-*")
	_, err := h.resolver.Lookup(t.Context(), call, "research-1")
	require.NoError(t, err)
	_, foreign := h.resolver.Lookup(t.Context(), call, h.uuid["finance-1"])
	_, unknown := h.resolver.Lookup(t.Context(), call, "no-such")
	require.Equal(t, fault.IdentityNotFound, codeOf(foreign))
	assert.Equal(t, fault.From(unknown).Body(), fault.From(foreign).Body())
}

func TestCursorOfAnotherIdentityIsRefused(t *testing.T) {
	h := newFixture(t, "one", "two")
	_, err := h.resolver.Resolve(t.Context(), local(), session.Query{Argument: "one", CursorIdentity: h.uuid["two"]})
	assert.Equal(t, fault.InvalidArgument, codeOf(err))
	got, err := h.resolver.Resolve(t.Context(), local(), session.Query{Argument: "one", CursorIdentity: h.uuid["one"]})
	require.NoError(t, err)
	assert.Equal(t, session.ByCursor, got.By)
}

func TestBrokenConfigFileMattersOnlyWhenReached(t *testing.T) {
	h := newFixture(t, "one")
	broken := errors.New("broken file")
	h.resolver.ConfigFile = func() (config.IdentityRef, error) { return config.IdentityRef{}, broken }
	_, err := h.resolver.Resolve(t.Context(), local(), session.Query{})
	assert.ErrorIs(t, err, broken)
	_, err = h.resolver.Resolve(t.Context(), local(), session.Query{Argument: "one"})
	assert.NoError(t, err)
}

// A setting that cannot have been meant is no setting that is missing: no identity takes its place.
func TestUnfinishedIdentityOfTheOperator(t *testing.T) {
	h := newFixture(t, "one")
	h.resolver.Identity = "no such name"
	uuid, err := h.resolver.Configured(t.Context(), local())
	require.NoError(t, err)
	assert.Empty(t, uuid)
	h.resolver.Identity = "${RAVI_IDENTITY}"
	_, err = h.resolver.Configured(t.Context(), local())
	require.ErrorIs(t, err, config.ErrInvalidValue)
	h.resolver.Identity = ""
	h.resolver.ConfigFile = func() (config.IdentityRef, error) {
		return config.IdentityRef{}, &config.FileError{Path: "/x", Kind: config.ErrConfigDir}
	}
	_, err = h.resolver.Configured(t.Context(), local())
	assert.ErrorIs(t, err, config.ErrConfigDir)
}

func TestPatterns(t *testing.T) {
	r := session.Rights{Identities: []string{"research-*", "exact", "team/*"}}
	for name, want := range map[string]bool{
		"research-1": true, "research-": true, "research": false, "Research-1": false, "exact": true, "exact2": false,
		"research-a/b": true, "team/x": true, "": false,
	} {
		assert.Equal(t, want, r.AllowsName(name), name)
	}
	assert.True(t, session.Rights{}.AllowsName("anything"))
	assert.False(t, session.Rights{Identities: []string{}}.AllowsName("anything"))
	for _, bad := range []string{"", " , ", "[", "a,[b", "[!s]*", "a-*,[^s]*", "x[a]y[!b]"} {
		_, err := session.ParsePatterns(bad)
		assert.Error(t, err, bad)
	}
	got, err := session.ParsePatterns(" a-* ,b")
	require.NoError(t, err)
	assert.Equal(t, []string{"a-*", "b"}, got)
	got, err = session.ParsePatterns(`\[!a, [a!]*, [a^]`)
	require.NoError(t, err, "neither begins a class")
	assert.Len(t, got, 3)
}
