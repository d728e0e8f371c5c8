package tools_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

type cleaned struct {
	DryRun     bool `json:"dry_run"`
	Candidates []struct{ UUID, Name string }
	Outcomes   []struct {
		UUID, Name, Status string
		Code               fault.Code
	}
	More  int
	Token string
}

func (c cleaned) names() []string {
	names := []string{}
	for _, i := range c.Candidates {
		names = append(names, i.Name)
	}
	return names
}

func (c cleaned) became(name string) string {
	for _, o := range c.Outcomes {
		if o.Name == name {
			return o.Status
		}
	}
	return ""
}

// leftovers is a system with old identities of these names, and a policy that lets them be cleaned
// up.
func leftovers(t *testing.T, cfg sandbox.Config, names ...string) *system {
	t.Helper()
	h := newSystem(t, cfg)
	h.configure = func(c *server.Config) { c.Policies.Cleanup = session.PolicyAllow }
	for _, name := range names {
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: name})
	}
	return h
}

var now = args{"min_age_minutes": 0}

func TestACleanupListsFirstAndDeletesExactlyThat(t *testing.T) {
	h := leftovers(t, sandbox.Config{}, "dev-1", "test-2", "prod", "developer", "Dev-3", "my-dev-1")
	a := h.connect(local())
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	assert.True(t, list.DryRun)
	assert.ElementsMatch(t, []string{"dev-1", "test-2"}, list.names())
	assert.Len(t, h.names(), 6, "nothing was deleted")
	assert.Zero(t, h.ravi.Server.CountRequests("DELETE", "/api/identities/{uuid}/"))

	// One that comes after the dry run is not on the list.
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-late"})
	done := ok[cleaned](t, a.call("cleanup_identities", args{"token": list.Token}))
	assert.Equal(t, "deleted", done.became("dev-1"))
	assert.Equal(t, "deleted", done.became("test-2"))
	assert.Len(t, done.Outcomes, 2)
	assert.Empty(t, done.Token)
	assert.ElementsMatch(t, []string{"prod", "developer", "Dev-3", "my-dev-1", "dev-late"}, h.names())

	assert.Equal(t, fault.ConfirmationRequired, refused(t, a.call("cleanup_identities", args{"token": list.Token})).Code, "it works once")
	assert.Contains(t, h.names(), "dev-late")
}

func TestOnlyOldIdentitiesAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := leftovers(t, sandbox.Config{TokenLife: 24 * time.Hour}, "dev-old")
		time.Sleep(time.Hour)
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-new"})
		a := h.connect(local())
		assert.Equal(t, []string{"dev-old"}, ok[cleaned](t, a.call("cleanup_identities", nil)).names())
		assert.Empty(t, ok[cleaned](t, a.call("cleanup_identities", args{"min_age_minutes": 61})).names())
		assert.Len(t, ok[cleaned](t, a.call("cleanup_identities", now)).names(), 2)
	})
}

func TestATokenBelongsToItsCallerAndExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := leftovers(t, sandbox.Config{}, "dev-1")
		a := h.connect(local())
		list := ok[cleaned](t, a.call("cleanup_identities", now))
		for why, r := range map[string]result{
			"another caller": h.connect(&session.Caller{Name: "other"}).call("cleanup_identities", args{"token": list.Token}),
			"made up":        a.call("cleanup_identities", args{"token": "AAAA"}),
			"cursor":         a.call("cleanup_identities", args{"token": ok[created](t, a.call("watch_inbox", args{"identity": "dev-1"})).Cursor}),
		} {
			assert.Equal(t, fault.ConfirmationRequired, refused(t, r).Code, why)
		}
		time.Sleep(15 * time.Minute)
		assert.Equal(t, fault.ConfirmationRequired, refused(t, a.call("cleanup_identities", args{"token": list.Token})).Code, "expired")
		assert.Len(t, h.names(), 1)
	})
}

func TestCleanupStaysWithinTheRights(t *testing.T) {
	h := leftovers(t, sandbox.Config{}, "dev-mine-1", "dev-yours-1")
	a := h.connect(local("dev-mine-*"))
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	assert.Equal(t, []string{"dev-mine-1"}, list.names())
	ok[cleaned](t, a.call("cleanup_identities", args{"token": list.Token}))
	assert.Equal(t, []string{"dev-yours-1"}, h.names())
}

func TestAnIdentityThatLostItsPrefixSinceIsKept(t *testing.T) {
	h := leftovers(t, sandbox.Config{}, "dev-1", "dev-2", "dev-3")
	a := h.connect(local())
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	h.renamed("dev-1", "precious")
	h.gone(list.Candidates[indexOf(list.names(), "dev-2")].UUID)
	done := ok[cleaned](t, a.call("cleanup_identities", args{"token": list.Token}))
	assert.Equal(t, "kept", done.became("precious"))
	assert.Equal(t, "gone", done.became(""))
	assert.Equal(t, "deleted", done.became("dev-3"))
	assert.Equal(t, []string{"precious"}, h.names())
}

func indexOf(all []string, one string) int {
	for i, s := range all {
		if s == one {
			return i
		}
	}
	return -1
}

func TestACleanupIsResumedAfterAPartialFailure(t *testing.T) {
	h := leftovers(t, sandbox.Config{}, "dev-1", "dev-2", "dev-3")
	a := h.connect(local())
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Endpoint: "/api/identities/{uuid}/", Status: 403, Count: 1, After: 1})
	part := ok[cleaned](t, a.call("cleanup_identities", args{"token": list.Token}))
	require.Len(t, part.Outcomes, 3)
	failed := 0
	for _, o := range part.Outcomes {
		if o.Status == "failed" {
			failed++
			assert.Equal(t, fault.Forbidden, o.Code)
		}
	}
	require.Equal(t, 1, failed)
	require.NotEmpty(t, part.Token)
	require.Len(t, h.names(), 1)

	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-late"})
	rest := ok[cleaned](t, a.call("cleanup_identities", args{"token": part.Token}))
	assert.Len(t, rest.Outcomes, 1)
	assert.Empty(t, rest.Token)
	assert.Equal(t, []string{"dev-late"}, h.names())
}

func TestARaviThatCannotDeleteSaysThatAllRemain(t *testing.T) {
	h := leftovers(t, sandbox.Config{NoDelete: true}, "dev-1", "dev-2")
	a := h.connect(local())
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	body := refused(t, a.call("cleanup_identities", args{"token": list.Token}))
	assert.Equal(t, fault.Unsupported, body.Code)
	assert.Contains(t, body.Message, "all 2 still exist")
	deletions := 0
	for _, r := range h.ravi.Server.Requests() {
		if r.Method == "DELETE" {
			deletions++
		}
	}
	assert.Equal(t, 1, deletions, "it is not tried again and again")
}

func TestPrefixesAreLongEnoughToMeanSomething(t *testing.T) {
	h := leftovers(t, sandbox.Config{}, "prod", "ci-7", "dev-1")
	a := h.connect(local())
	assert.Equal(t, []string{"ci-7"}, ok[cleaned](t, a.call("cleanup_identities", args{"prefixes": []string{"ci-"}, "min_age_minutes": 0})).names())
	for _, bad := range [][]string{{""}, {"p"}, {"prod"}, {"---"}, {"dev-", ""}, {}} {
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("cleanup_identities", args{"prefixes": bad})).Code, "%q", bad)
	}
	assert.Equal(t, fault.InvalidArgument, refused(t, a.call("cleanup_identities", args{"token": "x", "prefixes": []string{"dev-"}})).Code)
}

func TestACleanupIsBounded(t *testing.T) {
	var names []string
	for i := range 203 {
		names = append(names, fmt.Sprintf("dev-%d", i))
	}
	h := leftovers(t, sandbox.Config{}, names...)
	a := h.connect(local())
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	assert.Len(t, list.Candidates, 200)
	assert.Equal(t, 3, list.More)
	done := ok[cleaned](t, a.call("cleanup_identities", args{"token": list.Token}))
	assert.Len(t, done.Outcomes, 200)
	assert.Len(t, h.names(), 3)
}

func TestAPersonSeesTheListBeforeACleanup(t *testing.T) {
	for era, connect := range canAsk {
		h := leftovers(t, sandbox.Config{}, "dev-1", "test-2", "prod")
		h.configure = nil // the default: ask
		a := connect(h, local(), yes)
		question := ""
		a.person = func(q json.RawMessage) string { question = string(q); return yes }
		list := ok[cleaned](t, a.put("cleanup_identities", now))
		assert.Empty(t, question, "no question about a dry run")
		done := ok[cleaned](t, a.put("cleanup_identities", args{"token": list.Token}))
		assert.Len(t, done.Outcomes, 2, era)
		assert.Contains(t, question, "dev-1")
		assert.Contains(t, question, "test-2")
		assert.NotContains(t, question, "prod")
		assert.Equal(t, []string{"prod"}, h.names())
	}
	for _, policy := range []session.Policy{session.PolicyAsk, session.PolicyDeny} {
		h := leftovers(t, sandbox.Config{}, "dev-1")
		h.configure = func(c *server.Config) { c.Policies.Cleanup = policy }
		a := h.connect(local())
		list := ok[cleaned](t, a.call("cleanup_identities", now))
		body := refused(t, a.call("cleanup_identities", args{"token": list.Token}))
		assert.Equal(t, fault.Denied, body.Code)
		assert.Len(t, h.names(), 1, policy)
	}
}

// What was renamed out of a caller's rights since the dry run is kept, and its new name is shown
// neither to the person who is asked nor in the result.
func TestCleanupNamesNothingOutsideTheRights(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-1"})
	asked := ""
	a := h.connectAs(local("dev-*"), &agent{capabilities: `{"elicitation":{}}`, person: func(question json.RawMessage) string {
		asked = string(question)
		return yes
	}})
	list := ok[cleaned](t, a.call("cleanup_identities", now))
	require.Equal(t, []string{"dev-1"}, list.names())
	h.renamed("dev-1", "merger")
	r := a.call("cleanup_identities", args{"token": list.Token})
	assert.Contains(t, string(r.StructuredContent), `"status":"kept"`)
	assert.Contains(t, asked, "Deletes 1 identities")
	assert.NotContains(t, asked+string(r.raw), "merger")
	assert.Equal(t, []string{"merger"}, h.names())
}
