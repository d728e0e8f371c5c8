package tools_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

func TestAnIdentityIsRenamedAndKeepsItsAddress(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local("work-*"))
	me := ok[created](t, a.call("create_identity", args{"name": "work-1"}))
	ok[created](t, h.connect(local("work-*")).call("create_identity", args{"name": "work-2"}))

	renamed := ok[struct {
		created
		Changed bool
	}](t, a.call("update_identity", args{"identity": me.Identity.UUID, "name": "work-9"}))
	assert.True(t, renamed.Changed)
	assert.Equal(t, "work-9", renamed.Identity.Name)
	assert.Equal(t, me.Address, renamed.Address)
	assert.Equal(t, "work-9", ok[identified](t, a.call("get_identity", nil)).Identity.Name, "the session still has it")
	assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("get_identity", args{"identity": "work-1"})).Code)
	ok[map[string]any](t, a.call("update_identity", args{"identity": "work-9", "name": "work-9"}))

	for name, want := range map[string]fault.Code{
		"work-2":   fault.Conflict,
		"finance":  fault.Forbidden, // outside what this caller may use
		"work-a@b": fault.InvalidArgument, " work-3": fault.InvalidArgument,
		"2f1c7f0e-8a52-4a6f-9a61-0d8a1ce2a9f1": fault.InvalidArgument,
	} {
		assert.Equal(t, want, refused(t, a.call("update_identity", args{"identity": "work-9", "name": name})).Code, name)
	}
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "finance"})
	assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("update_identity", args{"identity": "finance", "name": "work-7"})).Code)
	assert.ElementsMatch(t, []string{"work-9", "work-2", "finance"}, h.names())
}

func TestAPhoneNumberIsProvisionedOnce(t *testing.T) {
	h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys})
	a := h.connect(local())
	me := ok[created](t, a.call("create_identity", args{"name": "mute"}))
	require.Empty(t, me.Phone)
	assert.Equal(t, fault.InvalidArgument, refused(t, a.call("provision_phone", args{"country": "usa"})).Code)
	got := ok[created](t, a.call("provision_phone", args{"country": "US"}))
	require.NotEmpty(t, got.Phone)
	assert.Equal(t, got.Phone, ok[created](t, a.call("get_identity", nil)).Phone)

	body := refused(t, a.call("provision_phone", nil))
	assert.Equal(t, fault.Conflict, body.Code)
	assert.Contains(t, body.Message, got.Phone)
	assert.Contains(t, body.Message, "nothing was bought")
	assert.Equal(t, 1, h.ravi.Server.CountRequests("POST", "/api/identities/{uuid}/provision-phone/"))
}

// What a number means for the bill is said by the creation, before provision_phone is called, and
// by its result.
func TestTermsOfANumberAreSaid(t *testing.T) {
	type terms struct {
		Phone   string
		ByPlan  *bool `json:"plan_gives_numbers"`
		MayCost bool  `json:"number_may_cost"`
	}
	yes, no := true, false
	byPlan := newSystem(t, sandbox.Config{Era: sandbox.EraTokens}).connect(local())
	got := ok[terms](t, byPlan.call("create_identity", args{"name": "a"}))
	assert.NotEmpty(t, got.Phone)
	assert.Equal(t, terms{got.Phone, &yes, false}, got)

	extra := newSystem(t, sandbox.Config{Era: sandbox.EraKeys}).connect(local())
	assert.Equal(t, terms{"", &no, false}, ok[terms](t, extra.call("create_identity", args{"name": "a"})))
	got = ok[terms](t, extra.call("provision_phone", nil))
	assert.Equal(t, terms{got.Phone, &no, true}, got)
	got = ok[terms](t, extra.call("create_identity", args{"name": "b", "provision_phone": true}))
	assert.NotEmpty(t, got.Phone)
	assert.Equal(t, terms{got.Phone, nil, true}, got, "it may be by the plan all the same")
	reused := ok[terms](t, extra.call("create_identity", args{"name": "a", "if_exists": "reuse"}))
	assert.Equal(t, terms{reused.Phone, nil, false}, reused)
}

func TestARaviThatSellsNoNumberSaysSo(t *testing.T) {
	for status, want := range map[int]fault.Code{402: fault.SubscriptionRequired, 404: fault.NotFound, 405: fault.Unsupported} {
		h := newSystem(t, sandbox.Config{Era: sandbox.EraKeys})
		a := h.connect(local())
		ok[created](t, a.call("create_identity", args{"name": "mute"}))
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/{uuid}/provision-phone/", Status: status, Count: 9})
		body := refused(t, a.call("provision_phone", nil))
		assert.Equal(t, want, body.Code, status)
		assert.False(t, body.Retryable)
	}
}
