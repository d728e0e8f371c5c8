package session_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

var knownToolsets = []string{"identity", "inbox"}

func callersFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "callers.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func entry(name, token, rest string) string {
	return fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\n%s\n", name, session.HashToken(token), rest)
}

func subjectEntry(name, subject, rest string) string {
	return fmt.Sprintf("[[caller]]\nname = %q\noidc_subject = %q\n%s\n", name, subject, rest)
}

// authenticated is the caller with that token, or nil.
func authenticated(callers *session.Callers, token string) *session.Caller {
	caller, _, _ := callers.Authenticate(context.Background(), token)
	return caller
}

const open = `identities = ["*"]`

func TestCallersFileSetsRights(t *testing.T) {
	t.Parallel()
	callers, err := session.LoadCallers(callersFile(t, entry("alice", "alice's token", `identities = ["alice-*", "shared"]
default_identity = "alice-main"
toolsets = ["inbox"]
read_only = true
reveal = "deny"
delete = "ask"
cleanup = "allow"`)+entry("bob", "bob's token", open)), knownToolsets)
	require.NoError(t, err)
	assert.Equal(t, 2, callers.Len())

	alice := authenticated(callers, "alice's token")
	require.NotNil(t, alice)
	assert.Equal(t, "alice", alice.Name)
	assert.Equal(t, "alice-main", alice.DefaultIdentity)
	assert.True(t, alice.Rights.AllowsName("alice-1"))
	assert.True(t, alice.Rights.AllowsName("shared"))
	assert.False(t, alice.Rights.AllowsName("bob-1"))
	assert.True(t, alice.Rights.AllowsTool([]string{"extra", "inbox"}, false))
	assert.False(t, alice.Rights.AllowsTool([]string{"inbox"}, true))
	assert.False(t, alice.Rights.AllowsTool([]string{"identity"}, false))

	assert.Equal(t, session.Policies{Reveal: session.PolicyDeny, Delete: session.PolicyAsk, Cleanup: session.PolicyAllow}, alice.Rights.Policies)

	bob := authenticated(callers, "bob's token")
	require.NotNil(t, bob)
	assert.True(t, bob.Rights.AllowsTool([]string{"identity"}, true))
	for _, wrong := range []string{"", "alice's toke", "alice's token ", session.HashToken("alice's token").String()} {
		assert.Nil(t, authenticated(callers, wrong), wrong)
	}
}

// A typing mistake must not open anything, and must be found from the message alone.
func TestInvalidCallersFileIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, says string }{
		"empty":              {"", "no [[caller]]"},
		"not TOML":           {"[[caller]\nname", "line 1"},
		"no identities":      {entry("alice", "t", ""), "identities is missing"},
		"a wrong key":        {entry("alice", "t", open+"\nreadonly = true"), `"caller.readonly"`},
		"another table":      {entry("alice", "t", open) + "[server]\nx = 1\n", `no setting "server`},
		"no name":            {entry("", "t", open), "name"},
		"an odd name":        {entry("al ice", "t", open), "name"},
		"the local caller":   {entry("local", "t", open), "local"},
		"a default outside":  {entry("alice", "t", "identities = [\"alice-*\"]\ndefault_identity = \"bob-1\""), "caller 1 (alice): default_identity: \"bob-1\" fits none of identities"},
		"a name twice":       {entry("alice", "t", open) + entry("alice", "u", open), "caller 2 (alice): the name stands twice"},
		"a token twice":      {entry("alice", "t", open) + entry("bob", "t", open), "same token"},
		"a token as it is":   {"[[caller]]\nname = \"alice\"\ntoken_sha256 = \"rmcp_secret-CANARY\"\n" + open, "64 hexadecimal"},
		"no token":           {"[[caller]]\nname = \"alice\"\n" + open, "64 hexadecimal"},
		"a broken pattern":   {entry("alice", "t", `identities = ["a["]`), "syntax error in pattern"},
		"a shell's negation": {entry("alice", "t", `identities = ["[!s]*"]`), "must not begin with"},
		"Go's negation":      {entry("alice", "t", `identities = ["shared-[^s]*"]`), "must not begin with"},
		"an empty pattern":   {entry("alice", "t", `identities = [""]`), "not a pattern"},
		"a string":           {entry("alice", "t", `identities = "*"`), "line 4"},
		"an unknown toolset": {entry("alice", "t", open+"\ntoolsets = [\"inbx\"]"), "there are identity, inbox"},
		"a part of a path":   {entry("alice", "t", open+"\nravi_config_dir = \"x\""), "ravi_config_dir: want the whole path"},
		"no path":            {entry("alice", "t", open+"\nravi_config_dir = \"\""), "ravi_config_dir: want the whole path"},
		"token and subject":  {entry("alice", "t", open+"\noidc_subject = \"x\""), "exclude each other"},
		"an empty subject":   {subjectEntry("alice", "", open), "oidc_subject: want"},
		"a subject twice":    {subjectEntry("alice", "x", open) + subjectEntry("bob", "x", open), "caller 2 (bob): another caller has the same oidc_subject"},
		"no such policy":     {entry("alice", "t", open+"\nreveal = \"CANARY\""), `reveal: want "allow"`},
		"an empty policy":    {entry("alice", "t", open+"\nsend = \"\""), `send: want "allow"`},
	} {
		_, err := session.LoadCallers(callersFile(t, c.text), knownToolsets)
		if assert.Error(t, err, name) {
			assert.Contains(t, err.Error(), c.says, name)
			assert.NotContains(t, err.Error(), "CANARY", name)
		}
	}
	_, err := session.LoadCallers(filepath.Join(t.TempDir(), "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestCallersFileWritableByOthersIsRefused(t *testing.T) {
	t.Parallel()
	path := callersFile(t, entry("alice", "t", open))
	require.NoError(t, os.Chmod(path, 0o664))
	_, err := session.LoadCallers(path, nil)
	require.ErrorContains(t, err, "chmod")
}

func TestChangedCallersFileIsLoaded(t *testing.T) {
	t.Parallel()
	path := callersFile(t, entry("alice", "a", open)+entry("bob", "b", open)+entry("carol", "c", open))
	callers, err := session.LoadCallers(path, nil)
	require.NoError(t, err)
	gone, err := callers.Reload()
	require.NoError(t, err)
	assert.Empty(t, gone, "nothing has changed")

	write := func(text string) {
		before, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		later := before.ModTime().Add(time.Second)
		require.NoError(t, os.Chtimes(path, later, later))
	}
	write(entry("alice", "a", `identities = ["new-*"]`) + entry("bob", "another", open) + entry("dave", "d", open))
	gone, err = callers.Reload()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"bob", "carol"}, gone, "who has another token has to come again with it")
	assert.True(t, authenticated(callers, "a").Rights.AllowsName("new-1"))
	assert.Nil(t, authenticated(callers, "b"))
	assert.NotNil(t, authenticated(callers, "another"))
	assert.Nil(t, authenticated(callers, "c"))
	assert.NotNil(t, authenticated(callers, "d"))

	write("broken")
	gone, err = callers.Reload()
	require.Error(t, err)
	assert.Empty(t, gone)
	assert.NotNil(t, authenticated(callers, "d"), "the old callers still hold")
	_, err = callers.Reload()
	require.NoError(t, err, "and it is said once")

	require.NoError(t, os.Remove(path))
	_, err = callers.Reload()
	require.Error(t, err)
	assert.NotNil(t, authenticated(callers, "d"))
	_, err = callers.Reload()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte(entry("dave", "d", open)), 0o600))
	gone, err = callers.Reload()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"alice", "bob"}, gone)
}

func TestCallersFileIsWatched(t *testing.T) {
	t.Parallel()
	path := callersFile(t, entry("alice", "a", open)+entry("bob", "b", open))
	callers, err := session.LoadCallers(path, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	gone, failed, done := make(chan []string), make(chan error), make(chan struct{})
	go func() {
		defer close(done)
		callers.Watch(ctx, time.Millisecond, func(names []string) { gone <- names }, func(err error) { failed <- err })
	}()
	require.NoError(t, os.WriteFile(path, []byte(entry("alice", "a", open)), 0o600))
	for {
		// A reader may see the file between its emptying and its writing.
		select {
		case names := <-gone:
			assert.Equal(t, []string{"bob"}, names)
			stop()
			<-done
			return
		case <-failed:
		}
	}
}

func TestCallerIsKnownBySubject(t *testing.T) {
	t.Parallel()
	path := callersFile(t, subjectEntry("alice", "auth0|alice", open)+entry("bob", "b", open)+subjectEntry("carol", "carol", open))
	callers, err := session.LoadCallers(path, nil)
	require.NoError(t, err)
	assert.Equal(t, 3, callers.Len())
	assert.Equal(t, 2, callers.Subjects())
	assert.Equal(t, "alice", callers.OfSubject("auth0|alice").Name)
	for _, unknown := range []string{"", "alice", "auth0|Alice", "bob"} {
		assert.Nil(t, callers.OfSubject(unknown), unknown)
	}
	assert.Nil(t, authenticated(callers, "auth0|alice"), "a subject is no token")
	assert.Nil(t, authenticated(callers, ""))

	require.NoError(t, os.WriteFile(path, []byte(subjectEntry("alice", "another", open)+entry("carol", "c", open)), 0o600))
	gone, err := callers.Reload()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"alice", "bob", "carol"}, gone)
	assert.Nil(t, callers.OfSubject("auth0|alice"))
	assert.Equal(t, "alice", callers.OfSubject("another").Name)
}

func TestSingleTokenHasAMinimumLength(t *testing.T) {
	t.Parallel()
	caller := &session.Caller{Name: session.RemoteCaller}
	_, err := session.SingleCaller("hunter2", caller)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
	long := strings.Repeat("x", session.MinTokenLength)
	callers, err := session.SingleCaller(long, caller)
	require.NoError(t, err)
	assert.Same(t, caller, authenticated(callers, long))
	assert.Nil(t, authenticated(callers, long+"x"))
	callers.Watch(t.Context(), time.Hour, nil, nil) // returns: there is nothing to watch
}

func FuzzCallersFile(f *testing.F) {
	f.Add(entry("alice", "t", open))
	f.Add("[[caller]]\nname = 1\nidentities = [[]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := callersFile(t, text)
		callers, err := session.LoadCallers(path, knownToolsets)
		if err == nil {
			require.Positive(t, callers.Len())
			require.Nil(t, authenticated(callers, ""))
		}
	})
}
