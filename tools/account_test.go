package tools_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

type accountReport struct {
	OK                                  bool
	Scheme, Owner, Encryption, Delivery string
	BaseURL                             string `json:"base_url"`
	Version                             string `json:"server_version"`
	ResolvedBy                          string `json:"resolved_by"`
	Identities                          int
	Identity                            *struct{ Name string }
	Problems                            []struct {
		Part, Message, Hint string
		Code                fault.Code
	}
}

func (d accountReport) parts() map[string]fault.Code {
	out := map[string]fault.Code{}
	for _, p := range d.Problems {
		out[p.Part] = p.Code
	}
	return out
}

func TestGetAccountFindsNothingWrong(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{Era: era}, "")
			h.deps.Version = "1.2.3"
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "finance"})
			a := h.connect(local("work-*"))
			ok[created](t, a.call("create_identity", args{"name": "work-1"}))
			d := ok[accountReport](t, a.call("get_account", nil))
			assert.True(t, d.OK, "%v", d.Problems)
			assert.Equal(t, map[sandbox.Era]string{sandbox.EraTokens: "token", sandbox.EraKeys: "key"}[era], d.Scheme)
			assert.Equal(t, h.ravi.Account.Email, d.Owner)
			assert.Equal(t, "https://ravi.test", d.BaseURL)
			assert.Equal(t, "none", d.Encryption)
			assert.Equal(t, "stream", d.Delivery)
			assert.Equal(t, 1, d.Identities, "only those that exist for this caller")
			require.NotNil(t, d.Identity)
			assert.Equal(t, "work-1", d.Identity.Name)
			assert.Equal(t, "session", d.ResolvedBy)
			assert.Equal(t, "1.2.3", d.Version)
		})
	}
}

func TestGetAccountReportsFailures(t *testing.T) {
	h := mailSystem(t, sandbox.Config{NoStream: true}, "")
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	d := ok[accountReport](t, a.call("get_account", nil))
	assert.Equal(t, map[string]fault.Code{"identity": fault.IdentityRequired}, d.parts())
	assert.Equal(t, "polling", ok[accountReport](t, a.call("get_account", args{"identity": "ada"})).Delivery)

	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/auth/user/", Status: 403, Count: -1})
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 402, Count: -1})
	assert.Equal(t, fault.SubscriptionRequired, refused(t, a.call("create_identity", args{"name": "x"})).Code)
	d = ok[accountReport](t, a.call("get_account", args{"identity": "ada"}))
	assert.Equal(t, map[string]fault.Code{"owner": fault.Forbidden, "plan": fault.SubscriptionRequired}, d.parts())
	assert.Equal(t, 1, d.Identities, "the rest is found out all the same")
}

func TestGetAccountWithoutACredentialOrKey(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, "")
	h.build(func() (*ravi.Client, error) { return nil, config.ErrNoCredentials })
	d := ok[accountReport](t, h.connect(local()).call("get_account", nil))
	assert.Equal(t, "none", d.Scheme)
	assert.Equal(t, map[string]fault.Code{"credential": fault.NotAuthenticated}, d.parts())

	s := sealedSystem(t)
	s.configure = h.configure
	assert.Equal(t, "open", ok[accountReport](t, s.connect(local()).call("get_account", nil)).Encryption)
	s.loseKeys()
	d = ok[accountReport](t, s.connect(local()).call("get_account", nil))
	assert.Equal(t, "locked", d.Encryption)
	assert.Equal(t, fault.Locked, d.parts()["encryption"])
}

func TestDomainsAndASignInToken(t *testing.T) {
	h := mailSystem(t, sandbox.Config{Era: sandbox.EraKeys}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	assert.NotEmpty(t, ok[struct{ Domains []struct{ Domain string } }](t, a.call("list_domains", nil)).Domains)
	got := ok[struct {
		Token     string
		ExpiresAt time.Time `json:"expires_at"`
	}](t, a.call("get_sso_token", args{"identity": "ada"}))
	assert.Regexp(t, "^rvt_", got.Token)
	assert.False(t, got.ExpiresAt.IsZero())
	assertNone(t, h.log.String(), "the log", got.Token)
	require.NoError(t, h.ravi.Server.SetPlan(h.ravi.Account.Email, false))
	assert.Equal(t, fault.SubscriptionRequired, refused(t, a.call("get_sso_token", args{"identity": "ada"})).Code)
}

type contactFound struct {
	Contacts []struct{ ID, Email, Phone, Name, Nickname, Source string }
	Total    int
}

func TestContactsAreNamedByAnyNumberThatWasSaved(t *testing.T) {
	h := mailSystem(t, sandbox.Config{Era: sandbox.EraKeys}, session.PolicyAllow)
	ada := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	client, err := h.account.Client()
	require.NoError(t, err)
	a := h.connectModern(local())
	with := func(tool, number string) result { return a.call(tool, args{"identity": "ada", "phone": number}) }
	for number, savable := range map[string]bool{
		"+4312": true, "+431234": true, "+431234567890123": true, "+2101234567": true,
		"+14155550": false, "+49123456789012345": false, "+8112345678901234567": false, // as earlier versions saved them
	} {
		if savable {
			ok[map[string]any](t, with("save_contact", number))
		} else {
			assert.Equal(t, fault.InvalidArgument, refused(t, with("save_contact", number)).Code, number)
			_, err := client.Scope(ada.UUID).CreateContact(t.Context(), ravi.ContactFields{Phone: &number})
			require.NoError(t, err)
		}
		assert.Len(t, ok[contactFound](t, with("find_contact", number)).Contacts, 1, number)
		ok[map[string]any](t, with("delete_contact", number))
		assert.Empty(t, ok[contactFound](t, with("find_contact", number)).Contacts, number)
	}
	for _, number := range []string{"431234", "+431", "+0431234", "+43 1234", "call me"} {
		assert.Equal(t, fault.InvalidArgument, refused(t, with("find_contact", number)).Code, number)
	}
}

func TestContactsAreFoundChangedAndDeleted(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h := mailSystem(t, sandbox.Config{Era: era}, session.PolicyAllow)
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
			a := h.connectModern(local())
			with := func(tool string, arguments args) result {
				arguments["identity"] = "ada"
				return a.call(tool, arguments)
			}
			type saved struct {
				Created bool
				Contact struct{ ID, Email, Phone, Name string }
			}
			bob := ok[saved](t, with("save_contact", args{"email": "bob@x.example", "name": "Bob Builder"}))
			assert.True(t, bob.Created)
			more := ok[saved](t, with("save_contact", args{"email": "bob@x.example", "phone": "+14155550123"}))
			assert.False(t, more.Created)
			assert.Equal(t, bob.Contact.ID, more.Contact.ID)
			assert.Equal(t, "Bob Builder", more.Contact.Name, "what was not given stays")
			carol := ok[saved](t, with("save_contact", args{"email": "carol@x.example"}))
			assert.Equal(t, fault.Conflict, refused(t, with("save_contact", args{"email": "carol@x.example", "phone": "+14155550123"})).Code)

			for _, by := range []args{{"q": "build"}, {"email": "BOB@x.example"}, {"phone": "+14155550123"}} {
				found := ok[contactFound](t, with("find_contact", by))
				require.Len(t, found.Contacts, 1, "%v", by)
				assert.Equal(t, bob.Contact.ID, found.Contacts[0].ID)
			}
			assert.Empty(t, ok[contactFound](t, with("find_contact", args{"email": "nobody@x.example"})).Contacts)
			for tool, bad := range map[string]args{"find_contact": {"q": "x", "email": "a@x.example"}, "save_contact": {"name": "x"}, "delete_contact": {}} {
				assert.Equal(t, fault.InvalidArgument, refused(t, with(tool, bad)).Code, tool)
			}
			ok[map[string]any](t, with("delete_contact", args{"phone": "+14155550123"}))
			ok[map[string]any](t, with("delete_contact", args{"id": carol.Contact.ID}))
			assert.Equal(t, fault.NotFound, refused(t, with("delete_contact", args{"id": carol.Contact.ID})).Code)
		})
	}
}
