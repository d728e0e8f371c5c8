package ravi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

func TestPasswords(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era, RecordBodies: true})
		_, scope := w.identity(t, "keeper")
		ctx := t.Context()
		made, err := scope.CreatePassword(ctx, ravi.NewPassword{Domain: "https://mail.google.com/inbox", Username: "me", Password: secret.New("p1"), Notes: secret.New("n1")})
		require.NoError(t, err)
		assert.Equal(t, "google.com", made.Domain)
		assert.JSONEq(t, `{"domain":"https://mail.google.com/inbox","username":"me","password":"p1","notes":"n1"}`, string(lastCreated(w, "/api/passwords/").Body))

		all, err := scope.Passwords(ctx)
		require.NoError(t, err)
		require.Len(t, all, 1)
		assert.Equal(t, "me", all[0].Username)
		assert.True(t, all[0].Password.Empty(), "a list has no passwords")
		assert.True(t, all[0].Notes.Empty())
		assert.True(t, *all[0].HasNotes)

		empty := secret.Secret{}
		changed, err := scope.UpdatePassword(ctx, made.UUID, ravi.PasswordUpdate{Notes: &empty})
		require.NoError(t, err)
		assert.JSONEq(t, `{"notes":""}`, string(lastRequest(w).Body), "only what changes is sent, and empty stays empty")
		assert.Equal(t, "p1", changed.Password.Reveal())
		assert.True(t, changed.Notes.Empty())
		p2, domain, user := secret.New("p2"), "example.org", "you"
		changed, err = scope.UpdatePassword(ctx, made.UUID, ravi.PasswordUpdate{Domain: &domain, Username: &user, Password: &p2})
		require.NoError(t, err)
		assert.Equal(t, "p2", changed.Password.Reveal())
		assert.Equal(t, "you", changed.Username)

		require.NoError(t, scope.DeletePassword(ctx, made.UUID))
		require.ErrorIs(t, scope.DeletePassword(ctx, made.UUID), ravi.ErrNotFound)
		_, err = scope.Password(ctx, made.UUID)
		require.ErrorIs(t, err, ravi.ErrNotFound)
		_, err = scope.CreatePassword(ctx, ravi.NewPassword{})
		require.ErrorIs(t, err, ravi.ErrInvalid)
	})
}

func lastCreated(w *world, endpoint string) (last sandbox.RequestRecord) {
	for _, r := range w.Server.Requests() {
		if r.Method == "POST" && r.Endpoint == endpoint {
			last = r
		}
	}
	return last
}

func TestRaviGeneratesPasswordFromEra3(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sandbox.Config{Era: sandbox.EraKeys, RecordBodies: true})
	_, scope := w.identity(t, "keeper")
	made, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: "example.com"})
	require.NoError(t, err)
	assert.False(t, made.Password.Empty())
	assert.JSONEq(t, `{"domain":"example.com"}`, string(lastRequest(w).Body))
}

func TestGeneratedPasswords(t *testing.T) {
	eras(t, func(t *testing.T, era sandbox.Era) {
		w := newWorld(t, sandbox.Config{Era: era})
		_, scope := w.identity(t, "keeper")
		p, err := scope.GeneratePassword(t.Context(), ravi.PasswordRules{Length: 24, NoSpecial: true, NoDigits: true, NoUppercase: true, Exclude: "abc&+ "})
		require.NoError(t, err)
		assert.Regexp(t, `^[d-z]{24}$`, p.Reveal())
		q := lastRequest(w).Query
		assert.Equal(t, "false", q.Get("special"))
		assert.Equal(t, "abc&+ ", q.Get("exclude_chars"))
		assert.Empty(t, q.Get("lowercase"))
		_, err = scope.GeneratePassword(t.Context(), ravi.PasswordRules{NoSpecial: true, NoDigits: true, NoUppercase: true, NoLowercase: true})
		require.ErrorIs(t, err, ravi.ErrInvalid)
	})
}
