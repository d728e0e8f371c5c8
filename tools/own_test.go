package tools_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// own is a caller that may use what it created itself, and more patterns.
func own(name string, more ...string) *session.Caller {
	c := &session.Caller{Name: name}
	c.Rights.Allow(append(more, session.Own))
	return c
}

// With own the identity of another caller is, in every tool, resource, prompt and completion, the
// same as none.
func TestOwnHidesWhatOthersCreated(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	alice := h.connect(own("alice"))
	theirs := ok[created](t, alice.call("create_identity", args{"name": "dev-hidden"}))
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-older"})
	for era, bob := range both(h, own("bob")) {
		mine := ok[created](t, bob.call("create_identity", args{"name": "dev-" + era}))
		for _, ref := range []string{theirs.Identity.UUID, "dev-hidden", theirs.Address, "dev-older"} {
			for tool, more := range map[string]args{
				"get_identity": {}, "use_identity": {}, "delete_identity": {}, "watch_inbox": {}, "wait_for_otp": {}, "wait_for_message": {},
				"list_messages": {}, "list_credentials": {}, "list_secrets": {}, "provision_phone": {},
				"read_message": {"message_id": "sms:1"}, "update_identity": {"name": "x"}, "get_credential": {"domain": "a.example"},
				"save_credential": {"domain": "a.example"}, "set_secret": {"name": "A", "value": "b"}, "get_secret": {"name": "A"},
				"get_totp": {"domain": "a.example"}, "use_backup_code": {"domain": "a.example"},
			} {
				with := func(identity string) fault.Body {
					arguments := args{"identity": identity}
					maps.Copy(arguments, more)
					return refused(t, bob.call(tool, arguments))
				}
				got, none := with(ref), with("nothing-of-that-name")
				assert.Equal(t, fault.IdentityNotFound, got.Code, "%s %s", tool, ref)
				assert.Equal(t, none, got, "%s %s", tool, ref)
			}
		}
		list := ok[struct{ Identities []struct{ UUID string } }](t, bob.call("list_identities", nil))
		require.NotEmpty(t, list.Identities)
		for _, i := range list.Identities {
			assert.NotEqual(t, theirs.Identity.UUID, i.UUID)
		}
		assert.NotContains(t, bob.read("ravi://identities").Contents[0].Text, "dev-hidden")
		assert.Equal(t, bob.fails("resources/read", `{"uri":"ravi://identities/00000000-0000-4000-8000-000000000000/inbox"}`).Data.Code,
			bob.fails("resources/read", fmt.Sprintf(`{"uri":"ravi://identities/%s/inbox"}`, theirs.Identity.UUID)).Data.Code)
		assert.NotContains(t, bob.complete(signUpRef, "identity", "dev-", ""), "dev-hidden")
		assert.NotContains(t, bob.complete(inboxRef, "uuid", "", ""), theirs.Identity.UUID)
		cleanup := ok[cleaned](t, bob.call("cleanup_identities", now))
		assert.NotContains(t, cleanup.names(), "dev-hidden")
		assert.NotContains(t, cleanup.names(), "dev-older")
		assert.Contains(t, cleanup.names(), "dev-"+era)

		// A name that another caller has as well is free: neither a conflict nor ambiguous.
		twin := ok[created](t, bob.call("create_identity", args{"name": "dev-hidden", "if_exists": "reuse"}))
		assert.NotEqual(t, theirs.Identity.UUID, twin.Identity.UUID)
		assert.Equal(t, twin.Identity.UUID, ok[identified](t, bob.call("get_identity", args{"identity": "dev-hidden"})).Identity.UUID)
		assert.Equal(t, theirs.Identity.UUID, ok[identified](t, alice.call("get_identity", args{"identity": "dev-hidden"})).Identity.UUID)
		for _, made := range []created{twin, mine} {
			ok[map[string]any](t, bob.call("delete_identity", args{"identity": made.Identity.UUID}))
		}
	}
}

func TestOwnWithPatternsKeepsNamesWithin(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shared-1"})
	a := h.connect(own("alice", "shared-*"))
	ok[created](t, a.call("create_identity", args{"name": "anything"}))
	ok[map[string]any](t, a.call("update_identity", args{"identity": "anything", "name": "something"}))
	ok[identified](t, a.call("get_identity", args{"identity": "something"}))
	assert.Equal(t, fault.Forbidden, refused(t, a.call("update_identity", args{"identity": "shared-1", "name": "taken-away"})).Code)
	ok[map[string]any](t, a.call("update_identity", args{"identity": "shared-1", "name": "shared-2"}))
}

// noRecord is a store that cannot record who created what.
type noRecord struct{ session.Store }

func (noRecord) RecordOwner(context.Context, session.Ownership) error { return errors.New("disk full") }

func TestIdentityWithoutRecordIsDeletedAgain(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.deps.Store = noRecord{h.store}
	a := h.connect(own("alice"))
	failed := refused(t, a.call("create_identity", args{"name": "lost"}))
	assert.Equal(t, fault.Unavailable, failed.Code)
	assert.Contains(t, failed.Message, "deleted again")
	assert.Empty(t, ok[struct{ Identities []any }](t, h.connect(local()).call("list_identities", nil)).Identities)

	h.ravi.Server.Faults().Add(sandbox.Fault{Method: http.MethodDelete, Endpoint: "/api/identities/{uuid}/", Status: http.StatusForbidden, Count: 1})
	failed = refused(t, a.call("create_identity", args{"name": "lost"}))
	assert.Contains(t, failed.Message, "nor delete it")
}

// A creation whose answer is lost is never taken for another caller's of the same name.
func TestOwnDoesNotGuessUnansweredCreations(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: http.MethodPost, Endpoint: "/api/identities/", Perform: true, Cut: true})
	a := h.connect(own("alice"))
	r := refused(t, a.call("create_identity", args{"name": "twice"}))
	assert.Equal(t, fault.Unavailable, r.Code)
	assert.Contains(t, r.Message, "does not exist for this client")
}
