package ravi_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

func TestSecrets(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		for _, path := range []string{"secrets", "vault"} {
			w := newWorld(t, sandbox.Config{Era: era, SecretsPath: path, RecordBodies: true})
			_, scope := w.identity(t, "keeper")
			ctx := t.Context()
			entry, created, err := scope.SetSecret(ctx, "api_key", secret.New("v1"), secret.New("n1"))
			require.NoError(t, err)
			assert.True(t, created)
			assert.Equal(t, "API_KEY", entry.Key)
			assert.NotEmpty(t, entry.UUID)
			entry, created, err = scope.SetSecret(ctx, "API_KEY", secret.New("v2"), secret.Secret{})
			require.NoError(t, err)
			assert.False(t, created)
			assert.Equal(t, "n1", entry.Notes.Reveal(), "no notes leave the old ones")

			got, err := scope.Secret(ctx, "Api_Key")
			require.NoError(t, err)
			assert.Equal(t, "v2", got.Value.Reveal())
			byID, err := scope.SecretByID(ctx, got.UUID)
			require.NoError(t, err)
			assert.Equal(t, got.Value, byID.Value)
			name, none := "NEW_KEY", secret.Secret{}
			changed, err := scope.UpdateSecret(ctx, got.UUID, ravi.SecretUpdate{Key: &name, Notes: &none})
			require.NoError(t, err)
			assert.JSONEq(t, `{"key":"NEW_KEY","notes":""}`, string(lastRequest(w).Body))
			assert.Equal(t, "v2", changed.Value.Reveal())

			all, err := scope.Secrets(ctx)
			require.NoError(t, err)
			require.Len(t, all, 1)
			assert.True(t, all[0].Value.Empty(), "a list has no values")
			_, _, err = scope.SetSecret(ctx, "MARK_1", secret.New("m1"), secret.New("n1"))
			require.NoError(t, err)
			some, err := scope.SecretsUnder(ctx, "MARK_", "OTHER_")
			require.NoError(t, err)
			values := map[string]string{}
			for _, e := range some {
				values[e.Key] = e.Value.Reveal() + e.Notes.Reveal()
			}
			assert.Equal(t, map[string]string{"NEW_KEY": "", "MARK_1": "m1n1"}, values)
			require.NoError(t, scope.DeleteSecret(ctx, "new_key"))
			require.ErrorIs(t, scope.DeleteSecret(ctx, "new_key"), ravi.ErrNotFound)
			_, err = scope.Secret(ctx, "NEW_KEY")
			require.ErrorIs(t, err, ravi.ErrNotFound)
			if path == "vault" {
				assert.Equal(t, 1, countPath(w, "/api/secrets/"), "the other path is tried once")
			}
		}
	})
}

func countPath(w *world, path string) (n int) {
	for _, r := range w.Server.Requests() {
		if r.Path == path {
			n++
		}
	}
	return n
}

func TestBadSecretNamesAreNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{})
	_, scope := w.identity(t, "keeper")
	before := w.Server.CountRequests("", "")
	for _, key := range []string{"", "1A", "_A", "A-B", "A B", "Ä", "a.b", "A\n"} {
		_, _, err := scope.SetSecret(t.Context(), key, secret.New("v"), secret.Secret{})
		require.ErrorIs(t, err, ravi.ErrInvalid, "%q", key)
		_, err = scope.Secret(t.Context(), key)
		require.ErrorIs(t, err, ravi.ErrInvalid, "%q", key)
		require.ErrorIs(t, scope.DeleteSecret(t.Context(), key), ravi.ErrInvalid, "%q", key)
	}
	assert.Equal(t, before, w.Server.CountRequests("", ""))
	rapid.Check(t, func(t *rapid.T) {
		key, ok := ravi.SecretKey(rapid.String().Draw(t, "key"))
		if ok {
			assert.Regexp(t, `^[A-Z][A-Z0-9_]*$`, key)
		}
	})
}

// Twenty clients set the same new key at the same time: one creates it, all succeed, and the value
// is one of theirs.
func TestSetSecretRaces(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		_, scope := w.identity(t, "keeper")
		var wg sync.WaitGroup
		var mu sync.Mutex
		creations := 0
		for n := range 20 {
			wg.Go(func() {
				_, created, err := scope.SetSecret(t.Context(), "SHARED", secret.New(fmt.Sprint(n)), secret.Secret{})
				assert.NoError(t, err)
				if created {
					mu.Lock()
					creations++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 1, creations)
		got, err := scope.Secret(t.Context(), "SHARED")
		require.NoError(t, err)
		assert.Regexp(t, `^\d+$`, got.Value.Reveal())
	})
}

func TestSetSecretWithLostAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys})
	_, scope := w.identity(t, "keeper")
	for n, fault := range []sandbox.Fault{{Perform: true, Cut: true}, {Cut: true}, {Perform: true, Status: 502}, {Status: 503}} {
		fault.Endpoint, fault.Method = "/api/secrets/", "POST"
		w.Server.Faults().Add(fault)
		key := fmt.Sprintf("LOST_%d", n)
		_, _, err := scope.SetSecret(t.Context(), key, secret.New("v"), secret.Secret{})
		require.NoError(t, err, key)
		got, err := scope.Secret(t.Context(), key)
		require.NoError(t, err)
		assert.Equal(t, "v", got.Value.Reveal())
	}
	all, err := scope.Secrets(t.Context())
	require.NoError(t, err)
	assert.Len(t, all, 4)
}
