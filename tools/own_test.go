package tools_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

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

// ownSystem is a system in which callers can own what they created.
func ownSystem(t *testing.T, cfg sandbox.Config) *system {
	t.Helper()
	h := newSystem(t, cfg)
	h.lease("")
	return h
}

// With own the identity of another caller is, in every tool that takes one, the same as none.
func TestOwnHidesWhatOthersCreated(t *testing.T) {
	h := ownSystem(t, sandbox.Config{}).everything()
	theirs := ok[created](t, h.connect(own("alice")).call("create_identity", args{"name": "dev-hidden"}))
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-older"})
	required := map[string]args{ // what a call needs besides
		"read_message": {"message_id": "sms:1"}, "update_identity": {"name": "x"}, "get_credential": {"domain": "a.example"},
		"save_credential": {"domain": "a.example"}, "update_credential": {"id": theirs.Identity.UUID, "new_notes": "n"},
		"delete_credential": {"id": theirs.Identity.UUID}, "set_secret": {"name": "A", "value": "b"}, "get_secret": {"name": "A"},
		"delete_secret": {"name": "A"}, "set_totp": {"domain": "a.example", "seed": "JBSWY3DPEHPK3PXP"}, "get_totp": {"domain": "a.example"},
		"use_backup_code": {"domain": "a.example"}, "send_email": {"to": "a@x.example", "subject": "s", "body": "b"},
		"reply_email": {"message_id": "email:1", "body": "b"}, "forward_email": {"message_id": "email:1", "to": "a@x.example"},
		"send_sms": {"to": "+14155550123", "body": "b"}, "find_contact": {"q": "x"}, "save_contact": {"email": "c@x.example"},
		"delete_contact": {"email": "c@x.example"}, "export_secrets": {"file": "x.env", "secrets": []string{"A"}},
	}
	for _, bob := range both(h, own("bob")) {
		for _, d := range definitions(t, bob) {
			var input struct{ Properties map[string]any }
			require.NoError(t, json.Unmarshal(d.InputSchema, &input))
			if input.Properties["identity"] == nil {
				continue
			}
			with := func(identity string) (code fault.Code, text string) {
				arguments := args{"identity": identity}
				maps.Copy(arguments, required[d.Name])
				r := bob.call(d.Name, arguments)
				if d.Name == "get_account" { // it does not fail itself
					return ok[struct{ Problems []struct{ Code fault.Code } }](t, r).Problems[0].Code, r.Content[0].Text
				}
				return refused(t, r).Code, r.Content[0].Text
			}
			code, none := with("nothing-of-that-name")
			require.Equal(t, fault.IdentityNotFound, code, "%s: %s", d.Name, none)
			for _, ref := range []string{theirs.Identity.UUID, "dev-hidden", theirs.Address, "dev-older"} {
				_, got := with(ref)
				assert.Equal(t, none, got, "%s %s", d.Name, ref)
			}
		}
		assert.Equal(t, fault.CursorInvalid, refused(t, bob.call("wait_for_otp", args{"cursor": theirs.Cursor})).Code)
	}
}

// Nor do lists, resources, prompts, completions and cleanups show it, and its name is free.
func TestOwnListsNothingThatOthersCreated(t *testing.T) {
	h := ownSystem(t, sandbox.Config{}).everything()
	alice := h.connect(own("alice"))
	theirs := ok[created](t, alice.call("create_identity", args{"name": "dev-hidden"}))
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "dev-older"})
	for era, bob := range both(h, own("bob")) {
		mine := ok[created](t, bob.call("create_identity", args{"name": "dev-" + era}))
		list := ok[struct{ Identities []struct{ UUID string } }](t, bob.call("list_identities", nil))
		require.Len(t, list.Identities, 1)
		assert.Equal(t, mine.Identity.UUID, list.Identities[0].UUID)
		assert.Equal(t, 1, ok[struct{ Identities int }](t, bob.call("get_account", nil)).Identities)
		assert.NotContains(t, bob.read("ravi://identities").Contents[0].Text, "dev-hidden")
		for _, method := range [][2]string{
			{"resources/read", `{"uri":"ravi://identities/%s/inbox"}`},
			{"prompts/get", `{"name":"sign_up","arguments":{"service":"a.example","identity":"%s"}}`},
		} {
			none := bob.fails(method[0], fmt.Sprintf(method[1], "00000000-0000-4000-8000-000000000000"))
			got := bob.fails(method[0], fmt.Sprintf(method[1], theirs.Identity.UUID))
			assert.Equal(t, []any{none.Code, none.Message, none.Data}, []any{got.Code, got.Message, got.Data})
		}
		assert.NotContains(t, bob.complete(signUpRef, "identity", "dev-", ""), "dev-hidden")
		assert.NotContains(t, bob.complete(inboxRef, "uuid", "", ""), theirs.Identity.UUID)
		cleanup := ok[cleaned](t, bob.call("cleanup_identities", now))
		assert.Equal(t, []string{"dev-" + era}, cleanup.names())

		// A name that another caller has as well is neither a conflict nor ambiguous, and the
		// address does not tell that the one which the name would give is taken.
		twin := ok[created](t, bob.call("create_identity", args{"name": "dev-hidden", "if_exists": "reuse"}))
		assert.NotEqual(t, theirs.Identity.UUID, twin.Identity.UUID)
		for _, made := range []created{theirs, twin} {
			assert.Regexp(t, `^dev-hidden-[a-z0-9]{9}@`, made.Address)
		}
		assert.Equal(t, twin.Identity.UUID, ok[identified](t, bob.call("get_identity", args{"identity": "dev-hidden"})).Identity.UUID)
		assert.Equal(t, theirs.Identity.UUID, ok[identified](t, alice.call("get_identity", args{"identity": "dev-hidden"})).Identity.UUID)
		ok[map[string]any](t, bob.call("update_identity", args{"identity": mine.Identity.UUID, "name": "dev-older"}))
		for _, made := range []created{twin, mine} {
			ok[map[string]any](t, bob.call("delete_identity", args{"identity": made.Identity.UUID}))
		}
	}
}

// A creation that was not answered keeps its name from callers by rights to names. To one with own
// that would tell which names others use.
func TestOwnLearnsNoNameInFlight(t *testing.T) {
	for _, ephemeral := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h := ownSystem(t, sandbox.Config{})
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: http.MethodPost, Endpoint: "/api/identities/", Cut: true, Count: -1})
			refused(t, h.connect(own("alice")).call("create_identity", args{"name": "task", "ephemeral": true}))
			h.ravi.Server.Faults().Clear()
			bob := h.connect(own("bob"))
			first := ok[created](t, bob.call("create_identity", args{"name": "first"}))
			ok[map[string]any](t, bob.call("update_identity", args{"identity": first.Identity.UUID, "name": "task"}))
			ok[map[string]any](t, bob.call("update_identity", args{"identity": first.Identity.UUID, "name": "first"}))
			arguments := args{"name": "task"}
			if ephemeral {
				arguments["ephemeral"] = true
			}
			ok[created](t, bob.call("create_identity", arguments))
			assert.Equal(t, fault.Conflict, refused(t, canAsk["legacy"](h, &session.Caller{Name: "carol", Rights: session.Rights{Identities: []string{"*"}}}, yes).
				call("update_identity", args{"identity": first.Identity.UUID, "name": "task"})).Code)
			time.Sleep(30 * time.Minute)
			assert.Equal(t, []string{"first", "task"}, h.names())
		})
	}
}

// What a caller owns is the identity, whatever that, or another one, is called.
func TestOwnFollowsTheIdentityAndNotItsName(t *testing.T) {
	h := ownSystem(t, sandbox.Config{})
	alice, bob := h.connect(own("alice")), h.connect(own("bob"))
	mine := func(a *agent, name string) string {
		return ok[created](t, a.call("create_identity", args{"name": name})).Identity.UUID
	}
	finds := func(a *agent, name string) string {
		r := a.call("get_identity", args{"identity": name})
		if r.IsError {
			return string(refused(t, r).Code)
		}
		return ok[identified](t, r).Identity.UUID
	}
	first := mine(alice, "name")
	ok[map[string]any](t, alice.call("update_identity", args{"identity": "name", "name": "renamed"}))
	assert.Equal(t, first, finds(alice, "renamed"))
	theirs := mine(bob, "name")
	assert.Equal(t, string(fault.IdentityNotFound), finds(alice, "name"))
	second := mine(alice, "name")
	assert.Equal(t, theirs, finds(bob, "name"))
	ok[map[string]any](t, alice.call("delete_identity", args{"identity": second}))
	assert.Equal(t, string(fault.IdentityNotFound), finds(alice, "name"))
	assert.Equal(t, theirs, finds(bob, "name"))
	ok[map[string]any](t, bob.call("delete_identity", args{"identity": theirs}))
	assert.Equal(t, mine(alice, "name"), finds(alice, "name"))
	assert.Equal(t, string(fault.IdentityNotFound), finds(bob, "name"))
	assert.Equal(t, string(fault.IdentityNotFound), finds(h.connect(own("alice-2")), "name"), "a caller that is renamed starts anew")
	assert.Equal(t, first, finds(h.connect(own("alice")), "renamed"), "two clients of one name are one caller")
}

func TestOwnWithPatternsKeepsNamesWithin(t *testing.T) {
	h := ownSystem(t, sandbox.Config{})
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shared-1"})
	a := canAsk["legacy"](h, own("alice", "shared-*"), yes)
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
	synctest.Test(t, func(t *testing.T) {
		h := ownSystem(t, sandbox.Config{})
		h.deps.Store = noRecord{h.store}
		a := h.connect(own("alice"))
		for _, arguments := range []args{{"name": "lost"}, {"name": "lost", "ephemeral": true}} {
			h.ravi.Server.Faults().Add(sandbox.Fault{Method: http.MethodDelete, Endpoint: "/api/identities/{uuid}/", Status: http.StatusForbidden, Count: 1})
			failed := refused(t, a.call("create_identity", arguments))
			assert.Equal(t, fault.Unavailable, failed.Code)
			assert.Contains(t, failed.Message, "deleted again")
			time.Sleep(time.Minute) // Ravi refuses once
			assert.Empty(t, h.names())
		}
	})
}

func TestOwnNeedsSomewhereToRecordIt(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(own("alice"))
	assert.Equal(t, fault.Unavailable, refused(t, a.call("create_identity", args{"name": "lost"})).Code)
	h.lease("/dev/null/no/folder")
	body := refused(t, a.call("create_identity", args{"name": "lost"}))
	assert.Equal(t, fault.Unavailable, body.Code)
	assert.NotContains(t, body.Message+body.Hint, "/dev/null")
	assert.Empty(t, h.names())
}

// A creation whose answer is lost is known by its address, and never taken for another caller's of
// the same name. What is not found is deleted, as it would exist for no caller.
func TestOwnDoesNotGuessUnansweredCreations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := ownSystem(t, sandbox.Config{})
		lost := sandbox.Fault{Method: http.MethodPost, Endpoint: "/api/identities/", Perform: true, Cut: true}
		h.ravi.Server.Faults().Add(lost)
		a := h.connect(own("alice"))
		found := ok[created](t, a.call("create_identity", args{"name": "once"}))
		assert.Equal(t, found.Identity.UUID, ok[identified](t, a.call("get_identity", args{"identity": "once"})).Identity.UUID)

		ok[created](t, h.connect(own("bob")).call("create_identity", args{"name": "twice"}))
		h.ravi.Server.Faults().Add(lost, sandbox.Fault{Method: http.MethodGet, Endpoint: "/api/identities/", After: 1, Status: http.StatusServiceUnavailable, Count: 20})
		r := refused(t, a.call("create_identity", args{"name": "twice"}))
		assert.Equal(t, fault.Unavailable, r.Code)
		assert.Contains(t, r.Message, "does not exist for this client")
		h.ravi.Server.Faults().Clear()
		assert.Equal(t, []string{"once", "twice", "twice"}, h.names())
		time.Sleep(10 * time.Minute)
		assert.Equal(t, []string{"once", "twice"}, h.names())
		assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("get_identity", args{"identity": "twice"})).Code)
	})
}

// Records of identities that were deleted elsewhere are dropped, a few at each creation. What Ravi
// still has, or belongs to another account, is kept, also where a list was not whole.
func TestRecordsOfGoneIdentitiesAreDropped(t *testing.T) {
	h := ownSystem(t, sandbox.Config{})
	a := h.connect(own("alice"))
	mine := func(name string) string {
		return ok[created](t, a.call("create_identity", args{"name": name})).Identity.UUID
	}
	kept, gone := mine("kept"), mine("gone")
	require.NoError(t, h.store.RecordOwner(t.Context(), session.Ownership{Caller: "alice", Identity: "elsewhere", Credential: "another"}))
	client, err := h.connectRavi(h.credentials())
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.DeleteIdentity(t.Context(), gone))
	owned := func() (all []bool) {
		owners, err := h.store.Owners(t.Context(), "alice", []string{kept, gone, "elsewhere"})
		require.NoError(t, err)
		for _, o := range owners {
			all = append(all, o == session.OwnerSelf)
		}
		return all
	}
	require.Equal(t, []bool{true, true, true}, owned())
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: http.MethodGet, Endpoint: "/api/identities/", Body: "[]", Status: http.StatusOK})
	mine("next")
	assert.Equal(t, []bool{true, false, true}, owned())
}

// A Ravi that answers a creation with an identity of that name which exists gives it to no caller,
// and leases it to none.
func TestIdentityThatExistedIsNeitherOwnedNorLeased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := ownSystem(t, sandbox.Config{TokenLife: 1000 * time.Hour})
		before := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
		for _, c := range []struct {
			caller    *session.Caller
			ephemeral bool
		}{{own("alice"), false}, {own("alice"), true}, {&session.Caller{Name: "carol", Rights: session.Rights{Identities: []string{"other"}}}, true}} {
			h.ravi.Server.Faults().Add(sandbox.Fault{
				Method: http.MethodPost, Endpoint: "/api/identities/", Status: http.StatusCreated,
				Body: fmt.Sprintf(`{"uuid":%q,"name":"task","inbox":%q}`, before.UUID, before.Inbox),
			})
			a := h.connect(c.caller)
			assert.Equal(t, fault.Conflict, refused(t, a.call("create_identity", args{"name": "other", "ephemeral": c.ephemeral})).Code)
			assert.Equal(t, fault.IdentityNotFound, refused(t, a.call("get_identity", args{"identity": before.UUID})).Code)
			time.Sleep(3 * time.Hour)
			assert.Equal(t, []string{"task"}, h.names())
		}
	})
}
