package session_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

func ownCall(name, fallback string, patterns ...string) session.Call {
	caller := &session.Caller{Name: name, DefaultIdentity: fallback}
	caller.Rights.Allow(patterns)
	return session.Call{Caller: caller, Session: "s"}
}

func namesOf(identities []ravi.Identity) (names []string) {
	for _, i := range identities {
		names = append(names, i.Name)
	}
	return names
}

func TestOwnAllowsCreationsAndTheDefault(t *testing.T) {
	ctx, h := t.Context(), newFixture(t, "mine", "theirs", "default", "shared-1", "nobody's")
	store := h.resolver.Store
	require.NoError(t, store.RecordOwner(ctx, session.Ownership{Caller: "alice", Identity: h.uuid["mine"]}))
	require.NoError(t, store.RecordOwner(ctx, session.Ownership{Caller: "bob", Identity: h.uuid["theirs"]}))
	all, err := h.account.Identities(ctx)
	require.NoError(t, err)

	for _, c := range []struct {
		call session.Call
		want []string
	}{
		{ownCall("alice", "", session.Own), []string{"mine"}},
		{ownCall("alice", "default", session.Own), []string{"mine", "default"}},
		{ownCall("alice", h.uuid["default"], session.Own), []string{"mine", "default"}},
		{ownCall("alice", "theirs", session.Own), []string{"mine"}}, // another caller took the name
		{ownCall("alice", h.uuid["theirs"], session.Own), []string{"mine", "theirs"}},
		{ownCall("alice", "", session.Own, "shared-*"), []string{"mine", "shared-1"}},
		{ownCall("bob", "", session.Own), []string{"theirs"}},
		{ownCall("Alice", "", session.Own), nil},
	} {
		allowed, err := h.resolver.Allowed(ctx, c.call.Caller, all)
		require.NoError(t, err)
		assert.ElementsMatch(t, c.want, namesOf(allowed), "%+v", c.call.Caller)
		for name, uuid := range h.uuid {
			for _, ref := range []string{name, uuid} {
				_, err := h.resolver.Lookup(ctx, c.call, ref)
				if assert.Contains(t, []fault.Code{"", fault.IdentityNotFound}, codeOf(err)) {
					assert.Equal(t, slices.Contains(c.want, name), err == nil, "%s: %s", c.call.Caller.Name, name)
				}
			}
		}
	}
}

// noOwners fails every read of records of owners.
type noOwners struct{ session.Store }

var errOwners = errors.New("the records of owners were read")

func (noOwners) Owners(context.Context, string, []string) ([]session.Owner, error) {
	return nil, errOwners
}

func TestOwnersAreReadForOwnOnly(t *testing.T) {
	h := newFixture(t, "x")
	h.resolver.Store = noOwners{h.resolver.Store}
	_, err := h.resolver.Lookup(t.Context(), local(), "x")
	require.NoError(t, err)
	_, err = h.resolver.Lookup(t.Context(), ownCall("alice", "", "x"), "x")
	require.NoError(t, err)
	for _, ref := range []string{"x", "nothing"} { // both cost a read
		_, err = h.resolver.Lookup(t.Context(), ownCall("alice", "", session.Own), ref)
		assert.ErrorIs(t, err, errOwners)
	}
}

func TestDefaultOutsideThePatterns(t *testing.T) {
	rights := session.Rights{Identities: []string{"a-*"}}
	for _, ref := range []string{"", "a-1", "b@in.ravi.app", "6f1c2a52-1e2c-4c2e-9d43-0a4f1f9a7b11"} {
		assert.True(t, rights.AllowsDefault(ref), ref)
	}
	assert.False(t, rights.AllowsDefault("b"))
	rights.Allow([]string{session.Own})
	assert.True(t, rights.AllowsDefault("b"))
}

func TestOwnerFilesWithoutAFolder(t *testing.T) {
	m := &session.Memory{Files: &session.OwnerFiles{}}
	require.Error(t, m.RecordOwner(t.Context(), session.Ownership{Caller: "a", Identity: "u"}))

	dir := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	m = &session.Memory{Files: &session.OwnerFiles{Dir: dir}}
	require.Error(t, m.RecordOwner(t.Context(), session.Ownership{Caller: "a", Identity: "u"}))
	_, err := m.Owners(t.Context(), "a", []string{"u"})
	assert.True(t, fault.Has(err, fault.Unavailable), err)
}

// The bound holds in memory as well, and so does the first record.
func TestOwnersInMemory(t *testing.T) {
	m := &session.Memory{}
	record := func(caller, identity string) error {
		return m.RecordOwner(t.Context(), session.Ownership{Caller: caller, Identity: identity, Credential: "k"})
	}
	for n := range session.MaxOwners {
		require.NoError(t, record("alice", fmt.Sprint(n)))
	}
	require.ErrorIs(t, record("alice", "one more"), session.ErrTooManyOwners)
	require.NoError(t, record("alice", "7"))
	require.ErrorIs(t, record("bob", "7"), session.ErrOtherOwner)
	some, err := m.OwnedWith(t.Context(), "k", 3)
	require.NoError(t, err)
	assert.Len(t, some, 3)
	require.NoError(t, m.ForgetIdentity(t.Context(), "7"))
	require.NoError(t, record("bob", "7"))
}

// What stands in a record only helps to sweep it: without it, it holds all the same.
func TestDamagedOwnerRecordStillHolds(t *testing.T) {
	dir := t.TempDir()
	m := &session.Memory{Files: &session.OwnerFiles{Dir: dir}}
	require.NoError(t, m.RecordOwner(t.Context(), session.Ownership{Caller: "alice", Identity: "u", Credential: "k"}))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	for _, text := range []string{"", "{", `{"identity":"other","credential":"k"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, entries[0].Name()), []byte(text), 0o600))
		owners, err := m.Owners(t.Context(), "alice", []string{"u"})
		require.NoError(t, err)
		assert.Equal(t, []session.Owner{session.OwnerSelf}, owners)
		some, err := m.OwnedWith(t.Context(), "k", 3)
		require.NoError(t, err)
		assert.Empty(t, some)
	}
}
